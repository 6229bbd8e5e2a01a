"""The same as: kpcomplete evaluate."""

import sys

from kpcomplete.app.cli import run

if __name__ == "__main__":  # processes that it starts import this file
    run("evaluate", *sys.argv[1:])
