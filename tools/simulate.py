"""The same as: kpcomplete simulate."""

import sys

from kpcomplete.app.cli import run

if __name__ == "__main__":  # processes that it starts import this file
    run("simulate", *sys.argv[1:])
