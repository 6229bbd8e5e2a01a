"""The same as: kpcomplete info."""

import sys

from kpcomplete.app.cli import run

run("info", *sys.argv[1:])
