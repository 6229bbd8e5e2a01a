"""The same as: kpcomplete demo."""

import sys

from kpcomplete.app.cli import run

if __name__ == "__main__":  # processes that it starts import this file
    run("demo", *sys.argv[1:])
