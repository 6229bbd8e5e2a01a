"""The same as: kpcomplete export-model."""

import sys

from kpcomplete.app.cli import run

if __name__ == "__main__":  # processes that it starts import this file
    run("export-model", *sys.argv[1:])
