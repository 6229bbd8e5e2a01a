"""Fine-tune the completer on a user's own recordings."""

import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from omegaconf import DictConfig

from kpcomplete.app.command import build, command, paths_of
from kpcomplete.app.process import job_of
from kpcomplete.errors import SourceError
from kpcomplete.footage import Strip
from kpcomplete.judge import lines
from kpcomplete.manifest import FAILED
from kpcomplete.process import output_stems
from kpcomplete.source.poses import Poses


@command("adapt")
def main(cfg: DictConfig) -> None:
    """Write ``output`` if it is better than ``weights``; exit code 1 if it is not."""
    torch.set_num_threads(1)  # poses are small
    strips = [strip for strip in strips_of(cfg) if strip.seats]
    if not strips:
        raise SourceError(
            f"nobody is in {cfg.source.path} with a confidence of at least {cfg.min_confidence}"
        )
    frames = sum(strip.present for strip in strips)
    print(f"{len(strips)} recordings, in which people are there for {frames} frames")
    found = build(cfg.task)(strips=strips)
    print(*lines(found.table, found.verdict), sep="\n")
    if found.written is None:
        print(f"no better than {cfg.weights}, or not for certain: nothing is written")
        sys.exit(1)
    print(f"better: use it with completer.weights={found.written}")


def strips_of(cfg: DictConfig) -> Iterator[Strip]:
    """Yield what can be trusted of each recording; people in videos and images are found first."""
    filmed = []
    gate = build(cfg.gate) if cfg.get("gate") else None
    for path in paths_of(cfg):
        source = build(cfg.source)(path=path)
        if isinstance(source, Poses):
            yield Strip.of(source, cfg.min_confidence, gate)
        else:
            filmed.append(path)
    if not filmed:
        return
    print(f"finding the people of {len(filmed)} recordings first, as process does; what is found "
          f"stays in {cfg.output_dir}")  # fmt: skip
    entries = job_of(cfg)(filmed)
    stems = output_stems(filmed)
    for entry in entries:
        if entry.status == FAILED:
            print(f"left out: {entry.error}", file=sys.stderr)
        else:
            archive = Path(cfg.output_dir) / f"{stems[entry.source]}{cfg.outputs.archive}"
            yield Strip.of(Poses(archive), cfg.min_confidence, gate)


if __name__ == "__main__":
    main()
