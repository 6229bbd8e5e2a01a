"""Propose stretches of recordings, and ask what they show: one key for each answer."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from omegaconf import DictConfig

from kpcomplete.app.command import command
from kpcomplete.errors import SourceError
from kpcomplete.labelling import STOP, Labelling
from kpcomplete.proposing import Segment


@command("label")
def main(cfg: DictConfig) -> None:
    """Ask as configured, and say how many answers were written."""
    labelling = Labelling(
        folder=cfg.recordings,
        labels=cfg.labels,
        task=cfg.task,
        classes=list(cfg.classes),
        length=cfg.length,
        head=cfg.head.weights,
        picture=cfg.picture,
    )
    ask = by_hand(cfg.picture) if cfg.answers is None else from_file(cfg.answers)
    given = labelling(ask, cfg.count)
    print(f"{given} answers written to {cfg.labels}")


def by_hand(picture: str | None) -> Callable[[Segment, Mapping[str, str]], str]:
    """Return what asks on the terminal."""

    def ask(segment: Segment, keys: Mapping[str, str]) -> str:
        if picture:
            print(f"see {picture}")
        print("  ".join(f"[{key}] {name}" for key, name in keys.items()))
        while True:
            try:
                key = input(f"{segment.file} {segment.seat} {segment.start}-{segment.end}: ")
            except EOFError:
                return STOP
            if key.strip() in keys:
                return key.strip()

    return ask


def from_file(path: str | Path) -> Callable[[Segment, Mapping[str, str]], str]:
    """Return what reads answers, a key a line; stops where there are no more.

    Raises:
        SourceError: If the file cannot be read.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").split()
    except (OSError, ValueError) as error:  # bytes that are no text are a ValueError
        raise SourceError(f"cannot read the answers {path}: {error}") from error
    keys: Iterator[str] = iter(lines)
    return lambda segment, names: next(keys, STOP)


if __name__ == "__main__":
    main()
