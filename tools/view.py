"""The same as: kpcomplete view."""

import sys

from kpcomplete.app.cli import run

if __name__ == "__main__":  # processes that it starts import this file
    run("view", *sys.argv[1:])
