"""The same as: kpcomplete licences."""

import sys

from kpcomplete.app.cli import run

if __name__ == "__main__":  # processes that it starts import this file
    run("licences", *sys.argv[1:])
