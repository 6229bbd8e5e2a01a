"""The same as: kpcomplete explore."""

import sys

from kpcomplete.app.cli import run

run("explore", *sys.argv[1:])
