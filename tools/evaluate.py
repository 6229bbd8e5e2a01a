"""The same as: kpcomplete evaluate."""

import sys

from kpcomplete.app.cli import run

run("evaluate", *sys.argv[1:])
