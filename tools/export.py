"""The same as: kpcomplete export."""

import sys

from kpcomplete.app.cli import run

run("export", *sys.argv[1:])
