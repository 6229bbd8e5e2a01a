"""Find and complete the people of recorded videos, one after the other."""

import sys

from omegaconf import DictConfig, OmegaConf

from kpcomplete.app.command import build, command, paths_of
from kpcomplete.archive import provenance
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
    resolved = OmegaConf.to_container(cfg, resolve=True)
    job: Process = build(cfg.job, provenance=provenance(config=resolved))
    return job
