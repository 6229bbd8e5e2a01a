"""The same as: kpcomplete label."""

import sys

from kpcomplete.app.cli import run

run("label", *sys.argv[1:])
