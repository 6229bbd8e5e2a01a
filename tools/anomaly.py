"""The same as: kpcomplete anomaly."""

import sys

from kpcomplete.app.cli import run

run("anomaly", *sys.argv[1:])
