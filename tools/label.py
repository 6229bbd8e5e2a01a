"""The same as: kpcomplete label."""

import sys

from kpcomplete.app.cli import run

if __name__ == "__main__":  # processes that it starts import this file
    run("label", *sys.argv[1:])
