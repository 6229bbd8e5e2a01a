"""The same as: kpcomplete adapt."""

import sys

from kpcomplete.app.cli import run

if __name__ == "__main__":  # processes that it starts import this file
    run("adapt", *sys.argv[1:])
