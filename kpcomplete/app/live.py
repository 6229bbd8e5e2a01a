"""Watch people in a camera's picture, as they are found and completed."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from kpcomplete.address import without_secrets
from kpcomplete.app.command import build, command
from kpcomplete.app.process import finite, weights_of
from kpcomplete.archive import provenance
from kpcomplete.errors import SettingError
from kpcomplete.live import Live


@command("live")
def main(cfg: DictConfig) -> None:
    """Watch ``source`` until it ends or somebody quits; exit code 1 if it ended by itself."""
    job = job_of(cfg)
    info = job.source.info
    width, height = info.image_size
    print(
        f"watching {info.name}, {width} x {height} at {info.fps:.4g} frames a second; looks "
        f"{job.pipeline.window.delay} frames ahead, so all is {1e3 * job.delay:.0f} ms later than "
        f"the work takes; recordings go to {job.output_dir}; Ctrl-C ends it",
        flush=True,
    )
    with _stopping(job):
        done = job()
    print(
        f"{done.frames} frames, {done.dropped} images dropped; capture to the end of the work "
        f"{done.latency}"
    )
    for path in done.files:
        print(f"recorded {path}")
    if done.problem:
        sys.exit(f"error: {done.problem}")


def job_of(cfg: DictConfig) -> Live:
    """Return the job that a config like ``conf/live.yaml`` describes.

    Raises:
        SettingError: If no source is named, or ``look_ahead`` is negative.
    """
    if OmegaConf.is_missing(cfg.source, "path"):
        raise SettingError("name what to watch with source=0, source=rtsp://… or a video file")
    if cfg.look_ahead < 0:
        raise SettingError(f"look_ahead must be at least 0 frames, but is {cfg.look_ahead}")
    cfg.causal = cfg.look_ahead == 0
    resolved = cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True))
    _forget_secrets(resolved)
    parts = [resolved["completer"], resolved.get("lifter") or {}, resolved.get("head") or {}]
    weights = {name: found for part in parts for name, found in weights_of(part)}
    made = provenance(config=finite(resolved), weights=weights)
    job: Live = build(cfg.job, provenance=made)
    return job


def _forget_secrets(node: Any) -> None:
    """Take passwords out of all addresses in a config."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        if isinstance(value, str):
            node[key] = without_secrets(value)
        elif isinstance(value, dict | list):
            _forget_secrets(value)


@contextmanager
def _stopping(job: Live) -> Iterator[None]:
    """Let the first SIGINT or SIGTERM end the job, and the next do what it did before."""
    numbers = (int(signal.SIGINT), int(signal.SIGTERM))
    before = {number: signal.getsignal(number) for number in numbers}

    def stop(number: int, _: object) -> None:
        signal.signal(number, before[number])
        job.stop()

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    main()
