"""Measure the figures that the README quotes: python tools/benchmark.py NAME [key=value ...]."""

import sys
from importlib.resources import files

from omegaconf import DictConfig

from kpcomplete.app.command import build, command


def main() -> None:
    """Run one benchmark; its last line reads ``NAME key=value key=value ...``."""
    names = sorted(f.name[:-5] for f in (files("kpcomplete.conf") / "benchmark").iterdir()
                   if f.name.endswith(".yaml"))  # fmt: skip
    if len(sys.argv) < 2 or sys.argv[1] not in names:
        sys.exit(f"usage: python tools/benchmark.py NAME [key=value ...]\nNAME: {', '.join(names)}")
    name = sys.argv.pop(1)

    @command(f"benchmark/{name}")
    def run(cfg: DictConfig) -> None:
        figures = build(cfg.task)
        print(name, *(f"{key}={_short(value)}" for key, value in figures.items()))

    run()


def _short(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
