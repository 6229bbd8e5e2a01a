"""The same as: kpcomplete simulate."""

import sys

from kpcomplete.app.cli import run

run("simulate", *sys.argv[1:])
