"""Find and complete the people of recorded videos, one after the other or many at a time."""

import hashlib
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from kpcomplete.app.command import build, command, paths_of
from kpcomplete.archive import provenance
from kpcomplete.checkpoint import find
from kpcomplete.errors import KpcompleteError, ModelFileError, SettingError
from kpcomplete.executor import Work
from kpcomplete.executor.serial import Serial
from kpcomplete.fleet import PAGE, summarise
from kpcomplete.manifest import DAMAGED, DONE, Entry
from kpcomplete.process import Process, output_stems
from kpcomplete.source.auto import expand
from kpcomplete.watching import watch


@command("process")
def main(cfg: DictConfig) -> None:
    """Process every recording of ``source``; exit code 1 if any failed or is damaged."""
    recordings = paths_of(cfg)
    job = job_of(cfg, digests=cfg.summary and len(recordings) > 1)
    normal = normal_of(cfg, job)  # what is wrong with it is not found out after hours
    entries = job(recordings)
    problem = None
    if job.digests:
        unusual = None
        try:
            unusual = anomalies_of(cfg, entries, normal) if normal else None
        except KpcompleteError as error:
            problem = error  # the summary is worth writing without
        rows = summarise(
            job.store, entries, output_stems(recordings),
            archive=cfg.outputs.archive or ".parquet", anomalies=unusual,
        )  # fmt: skip
        print(f"{len(rows)} recordings summed up in {job.store.name(PAGE)}")
    broken = [entry for entry in entries if entry.status != DONE]
    for entry in broken:
        print(f"{entry.status}: {entry.error}", file=sys.stderr)
    print(f"{len(entries) - len(broken)} of {len(entries)} done; see {job.manifest.path}")
    if problem is not None:
        raise problem
    if broken:
        sys.exit(1)


@dataclass(frozen=True)
class Recipe:
    """Makes a worker from plain values, in whatever process it is called.

    Args:
        settings: Config of a `kpcomplete.work.Worker`.
        given: What the worker gets besides, as it is.
    """

    settings: Any
    given: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if OmegaConf.is_config(self.settings):
            plain = OmegaConf.to_container(self.settings, resolve=True)
            object.__setattr__(self, "settings", plain)

    def __call__(self, **rest: Any) -> Work:
        """Load the models, and add what else the worker needs to know."""
        work: Work = build(OmegaConf.create(self.settings))(**self.given, **rest)
        return work

    def changed(self, **settings: Any) -> "Recipe":
        """Return a recipe with some other settings."""
        return replace(self, settings={**self.settings, **settings})


def job_of(cfg: DictConfig, *, digests: bool = False) -> Process:
    """Return the job that a config like ``conf/process.yaml`` describes."""
    resolved = cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True))
    parts = [resolved["completer"], resolved.get("lifter") or {}, resolved.get("head") or {}]
    weights = {name: found for part in parts for name, found in weights_of(part)}
    made = provenance(config=finite(resolved), weights=weights)
    executor = build(cfg.executor)
    settings = resolved["job"]["make"]
    make: Any = Recipe(settings, {"provenance": made}).changed(progress=False)
    if isinstance(executor, Serial):
        make = build(cfg.job.make, provenance=made)
    rest = {k: v for k, v in resolved["job"].items() if k not in ("_target_", "make", "executor")}
    return Process(make=make, executor=executor, digests=digests, **rest)


def normal_of(cfg: DictConfig, job: Process) -> list[str]:
    """Return the archives of normal driving; none if none are named.

    Raises:
        SettingError: If the archives to compare with them would be none, or far away.
        SourceError: If there is nothing at the path.
    """
    if cfg.normal is None:
        return []
    if not job.digests:
        raise SettingError(
            "normal=PATH counts unusual stretches in the summary of several recordings, but there "
            "is none; of one recording: kpcomplete anomaly recordings=… normal=…"
        )
    if cfg.outputs.archive is None or job.store.is_far:
        raise SettingError("normal=PATH needs archives in a folder: outputs.archive, output_dir")
    return expand(list(cfg.normal) if OmegaConf.is_list(cfg.normal) else cfg.normal)


def anomalies_of(
    cfg: DictConfig, entries: Sequence[Entry], normal: Sequence[str]
) -> dict[str, list[float]]:
    """Return the scores of the unusual stretches of each recording, by the stem of its outputs."""
    stems = output_stems([entry.source for entry in entries])
    archives = {
        f"{stems[e.source]}{cfg.outputs.archive}": stems[e.source]
        for e in entries
        if e.status in (DONE, DAMAGED)
    }
    folder = Path(cfg.output_dir)
    parts = build(OmegaConf.to_container(cfg.anomaly, resolve=True))
    found: dict[str, list[float]] = {stem: [] for stem in archives.values()}
    for one in watch([folder / name for name in archives], normal, parts, folder / "anomalies"):
        found[archives[one.file]].append(one.score)
    return found


def finite(node: Any) -> Any:
    """Return plain values as JSON can tell them: numbers that are not finite become words."""
    if isinstance(node, dict):
        return {key: finite(value) for key, value in node.items()}
    if isinstance(node, list):
        return [finite(value) for value in node]
    return str(node) if isinstance(node, float) and not math.isfinite(node) else node


def weights_of(part: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield name and SHA-256 of the files that the settings of a completer or lifter name."""
    for value in part.values():
        if isinstance(value, str):
            try:
                yield value, hashlib.sha256(find(value).read_bytes()).hexdigest()
            except (ModelFileError, OSError):
                continue  # some other setting, or a file that the part will complain about
