"""Measure one of the figures of the README: python tools/benchmark.py NAME [key=value ...]."""

from kpcomplete.app.benchmark import main

if __name__ == "__main__":  # processes that it starts import this file
    main()
