"""Find and complete the people of recorded videos, one after the other."""

import hashlib
import sys
from collections.abc import Iterator
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from kpcomplete.app.command import build, command, paths_of
from kpcomplete.archive import provenance
from kpcomplete.checkpoint import find
from kpcomplete.errors import ModelFileError
from kpcomplete.manifest import DONE
from kpcomplete.process import Process


@command("process")
def main(cfg: DictConfig) -> None:
    """Process every recording of ``source``; exit code 1 if any failed or is damaged."""
    recordings = paths_of(cfg)
    job = job_of(cfg)
    entries = job(recordings)
    broken = [entry for entry in entries if entry.status != DONE]
    for entry in broken:
        print(f"{entry.status}: {entry.error}", file=sys.stderr)
    print(f"{len(entries) - len(broken)} of {len(entries)} done; see {job.manifest.path}")
    if broken:
        sys.exit(1)


def job_of(cfg: DictConfig) -> Process:
    """Return the job that a config like ``conf/process.yaml`` describes."""
    resolved = cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True))
    parts = [resolved["completer"], resolved.get("lifter") or {}, resolved.get("head") or {}]
    weights = {name: found for part in parts for name, found in weights_of(part)}
    job: Process = build(cfg.job, provenance=provenance(config=resolved, weights=weights))
    return job


def weights_of(part: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield name and SHA-256 of the files that the settings of a completer or lifter name."""
    for value in part.values():
        if isinstance(value, str):
            try:
                yield value, hashlib.sha256(find(value).read_bytes()).hexdigest()
            except (ModelFileError, OSError):
                continue  # some other setting, or a file that the part will complain about
