"""The same as: kpcomplete calibrate."""

import sys

from kpcomplete.app.cli import run

run("calibrate", *sys.argv[1:])
