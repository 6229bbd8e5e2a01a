"""The same as: kpcomplete live."""

import sys

from kpcomplete.app.cli import run

if __name__ == "__main__":
    run("live", *sys.argv[1:])
