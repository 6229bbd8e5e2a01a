"""The same as: kpcomplete stage."""

import sys

from kpcomplete.app.cli import run

run("stage", *sys.argv[1:])
