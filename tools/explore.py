"""The same as: kpcomplete explore."""

import sys

from kpcomplete.app.cli import run

if __name__ == "__main__":  # processes that it starts import this file
    run("explore", *sys.argv[1:])
