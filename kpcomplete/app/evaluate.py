"""Hide joints of stored poses on purpose, and measure how well each completer brings them back."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
from omegaconf import DictConfig
from tqdm import tqdm

from kpcomplete.app.command import build, command, paths_of
from kpcomplete.completer import Completer
from kpcomplete.corruption import Corruption
from kpcomplete.detector.stored import Stored
from kpcomplete.errors import SettingError, SourceError
from kpcomplete.output import whole
from kpcomplete.pipeline import Pipeline, run
from kpcomplete.sink.robustness import Robustness
from kpcomplete.source import Source
from kpcomplete.source.corrupted import Corrupted
from kpcomplete.source.poses import Poses
from kpcomplete.window import Window


@command("evaluate")
def main(cfg: DictConfig) -> None:
    """Print a table of errors, and write all figures to ``output``."""
    unknown = [name for name in cfg.compare if name not in cfg.completers]
    if unknown:
        raise SettingError(f"no completer {unknown}; there are {', '.join(cfg.completers)}")
    completers = {name: build(cfg.completers[name]) for name in cfg.compare}
    masks = {str(name): build(mask) for name, mask in cfg.masks.items()}
    window = build(cfg.window)
    tables = []
    for path in tqdm(paths_of(cfg), unit="recording", disable=None):
        poses = stored(build(cfg.source)(path=path), cfg.limit)
        tables.append(judge(poses, masks, completers, window))
    table = pa.concat_tables(tables)
    with whole(cfg.output) as temporary:
        pc.write_csv(table, temporary)
    print(summary(table, list(masks), list(completers)))
    print(f"\nevery recording, person and joint: {cfg.output}")


def stored(source: Source, limit: int | None) -> Poses:
    """Return the first frames of a recording of poses.

    Raises:
        SourceError: If the source is no file of poses, or nobody is in it.
    """
    if not isinstance(source, Poses):
        raise SourceError(
            f"{source.info.name} must be a file of poses, but has images; find the people first "
            f"with: kpcomplete process source={source.info.name}"
        )
    if not source.people:
        raise SourceError(f"nobody is in {source.info.name}")
    people = [pose[:limit] for pose in source.people.values()]
    return Poses.from_sequences(people, name=source.info.name)


def judge(
    poses: Poses,
    masks: Mapping[str, Corruption],
    completers: Mapping[str, Completer],
    window: Window,
) -> pa.Table:
    """Return the figures of every completer under every mask, which all see alike."""
    parts = []
    for mask, corruption in masks.items():
        spoilt = Corrupted(source=poses, corruption=corruption)
        for name, completer in tqdm(completers.items(), desc=mask, leave=False, disable=None):
            pipeline = Pipeline(
                detector=Stored(),
                window=window,
                completer=completer,
                min_confidence=0.0,
                max_absence=np.inf,
            )
            sink = Robustness(source=spoilt)
            run(pipeline, spoilt, [sink])
            count = len(sink.figures["person"])
            given: dict[str, list[Any]] = {
                "recording": [poses.info.name] * count,
                "mask": [mask] * count,
                "completer": [name] * count,
            }
            parts.append(pa.table(given | sink.figures))
    return pa.concat_tables(parts)


def summary(table: pa.Table, masks: list[str], completers: list[str]) -> str:
    """Return mean errors in body units, weighted by hidden joints, a completer a line."""
    rows = [row for row in table.to_pylist() if row["joint"] == "all"]
    width = max(map(len, completers)) + 2
    lines = [
        "Mean distance from the hidden truth in body units S (1.5 x nose to neck or shoulder to",
        "shoulder, whichever is more); a star: some joints were left missing.\n",
        " " * width + "".join(f"{mask:>15}" for mask in masks),
    ]
    for name in completers:
        cells = []
        for mask in masks:
            mine = [r for r in rows if (r["completer"], r["mask"]) == (name, mask) and r["hidden"]]
            found = [r for r in mine if np.isfinite(r["error"])]
            weights = [r["hidden"] * (1 - r["missing"]) for r in found]
            mean = np.average([r["error"] for r in found], weights=weights) if found else np.nan
            star = "*" if any(r["missing"] > 0 for r in mine) else " "
            cells.append(f"{mean:>14.3f}{star}" if found else f"{'-':>15}")
        lines.append(f"{name:<{width}}" + "".join(cells))
    return "\n".join(lines)
