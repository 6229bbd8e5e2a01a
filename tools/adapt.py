"""The same as: kpcomplete adapt."""

import sys

from kpcomplete.app.cli import run

run("adapt", *sys.argv[1:])
