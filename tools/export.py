"""The same as: kpcomplete export."""

import sys

from kpcomplete.app.cli import run

if __name__ == "__main__":  # processes that it starts import this file
    run("export", *sys.argv[1:])
