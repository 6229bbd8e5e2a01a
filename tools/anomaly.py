"""The same as: kpcomplete anomaly."""

import sys

from kpcomplete.app.cli import run

if __name__ == "__main__":  # processes that it starts import this file
    run("anomaly", *sys.argv[1:])
