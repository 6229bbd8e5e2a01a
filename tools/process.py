"""The same as: kpcomplete process."""

import sys

from kpcomplete.app.cli import run

if __name__ == "__main__":  # processes that it starts import this file
    run("process", *sys.argv[1:])
