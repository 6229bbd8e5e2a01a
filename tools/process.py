"""The same as: kpcomplete process."""

import sys

from kpcomplete.app.cli import run

run("process", *sys.argv[1:])
