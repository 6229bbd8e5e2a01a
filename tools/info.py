"""The same as: kpcomplete info."""

import sys

from kpcomplete.app.cli import run

if __name__ == "__main__":  # processes that it starts import this file
    run("info", *sys.argv[1:])
