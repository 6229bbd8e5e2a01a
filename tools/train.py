"""The same as: kpcomplete train."""

import sys

from kpcomplete.app.cli import run

if __name__ == "__main__":  # processes that it starts import this file
    run("train", *sys.argv[1:])
