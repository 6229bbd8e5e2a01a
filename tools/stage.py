"""The same as: kpcomplete stage."""

import sys

from kpcomplete.app.cli import run

if __name__ == "__main__":  # processes that it starts import this file
    run("stage", *sys.argv[1:])
