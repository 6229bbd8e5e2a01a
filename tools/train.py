"""The same as: kpcomplete train."""

import sys

from kpcomplete.app.cli import run

run("train", *sys.argv[1:])
