"""The same as: kpcomplete demo."""

import sys

from kpcomplete.app.cli import run

run("demo", *sys.argv[1:])
