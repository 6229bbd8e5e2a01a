"""The same as: kpcomplete calibrate."""

import sys

from kpcomplete.app.cli import run

if __name__ == "__main__":  # processes that it starts import this file
    run("calibrate", *sys.argv[1:])
