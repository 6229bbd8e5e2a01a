"""Measure one of the figures of the README: python tools/benchmark.py NAME [key=value ...]."""

from kpcomplete.app.benchmark import main

main()
