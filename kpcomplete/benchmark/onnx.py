"""Networks through ONNX Runtime against torch: how far apart, and how much faster."""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from kpcomplete import normalize
from kpcomplete.batch import PoseBatch
from kpcomplete.benchmark.streaming import one_thread, people
from kpcomplete.camera import Camera
from kpcomplete.completer import Stream
from kpcomplete.completer.autoencoder import AutoencoderCompleter
from kpcomplete.corruption import Corruption
from kpcomplete.exporting import export
from kpcomplete.lifter.learned import Learned
from kpcomplete.lifter.sight import Sight
from kpcomplete.pose import PoseSequence
from kpcomplete.skeleton import CANONICAL, Skeleton

_FPS = 30.0


def run(
    *,
    corruption: Corruption,
    completer: str = "completer",
    lifter: str = "lifter",
    windows: int = 40,
    rounds: int = 20,
    quick: bool = False,
    seed: int = 0,
) -> dict[str, float]:
    """Export both, and ask both engines the same in turn, on one thread.

    Args:
        corruption: What hides joints of the made-up people.
        completer: Checkpoint, or the name of a shipped one.
        lifter: Likewise.
        windows: Of 150 frames that are compared, offline and causal.
        rounds: Of timing; the median counts.
        quick: A tenth of the windows, a quarter of the rounds.
        seed: Of how people move, and of what is hidden.

    Returns:
        ``max_diff_px`` the largest difference of a completed coordinate, and
        ``max_diff_relative`` in shares of the coordinate (of a pixel at least); ``max_diff_mm`` of
        a joint in 3D; ``speedup`` of torch's seconds over ONNX Runtime's for causal windows, and
        ``speedup_lifter``; ``speedup_step`` of a live frame, whose network is numpy's otherwise.
    """
    if quick:
        windows, rounds = max(windows // 10, 2), max(rounds // 4, 3)
    shown = people(windows, corruption, seed)
    with tempfile.TemporaryDirectory() as folder, one_thread():
        for weights in (completer, lifter):
            export(weights, folder)
        found = {"max_diff_px": 0.0, "max_diff_relative": 0.0}
        for causal in (False, True):
            one, other = (
                AutoencoderCompleter(weights=completer, causal=causal, onnx=engine)
                for engine in (None, Path(folder))
            )
            _compare(found, _complete(one, shown), _complete(other, shown))
        some = normalize.fit(shown).into_body(shown).select(slice(0, 4))
        found["speedup"] = _speedup(lambda: one(some), lambda: other(some), rounds)
        found["speedup_step"] = _live(found, one.stream(150), other.stream(150), shown)
        sight = Sight.together(_sequences(shown.select(slice(0, 4))), _CAMERA)
        lifters = [
            Learned(weights=lifter, causal=True, onnx=engine) for engine in (None, Path(folder))
        ]
        first, second = (each(sight).points for each in lifters)
        found["max_diff_mm"] = 1e3 * float((first - second).abs().amax())
        found["speedup_lifter"] = _speedup(
            lambda: lifters[0](sight), lambda: lifters[1](sight), rounds
        )
    return found


_CAMERA = Camera(width=640, height=480, fx=500.0, fy=500.0, cx=320.0, cy=240.0)


def _complete(completer: AutoencoderCompleter, shown: PoseBatch) -> PoseBatch:
    placement = normalize.fit(shown)
    return placement.into_pixels(completer(placement.into_body(shown)))


def _compare(found: dict[str, float], one: PoseBatch, other: PoseBatch) -> None:
    if not torch.equal(one.observed, other.observed):
        raise AssertionError("the engines fill in different joints")
    apart = (one.keypoints.double() - other.keypoints.double()).abs()
    share = apart / one.keypoints.double().abs().clamp_min(1.0)
    found["max_diff_px"] = max(found["max_diff_px"], float(apart.amax()))
    found["max_diff_relative"] = max(found["max_diff_relative"], float(share.amax()))


def _speedup(one: Callable[[], object], other: Callable[[], object], rounds: int) -> float:
    one(), other()
    taken: list[list[float]] = [[], []]
    for _ in range(rounds):  # in turn, so that a busy machine is slow for both
        for each, times in zip((one, other), taken, strict=True):
            start = time.thread_time()
            each()
            times.append(time.thread_time() - start)
    return float(np.median(taken[0]) / np.median(taken[1]))


def _live(
    found: dict[str, float], one: Stream | None, other: Stream | None, shown: PoseBatch
) -> float:
    assert one is not None  # both are causal
    assert other is not None
    taken: list[list[float]] = [[], []]
    for i in range(shown.times.shape[1]):
        frame = shown.select(slice(0, 1)).frames(slice(i, i + 1))
        done = []
        for stream, times in zip((one, other), taken, strict=True):
            start = time.thread_time()
            done.append(stream(frame, ["driver"], i / _FPS))
            times.append(time.thread_time() - start)
        _compare(found, *done)
    return float(np.median(taken[0]) / np.median(taken[1]))


def _sequences(shown: PoseBatch) -> Sequence[PoseSequence]:
    points = shown.keypoints.masked_fill(~shown.observed[..., None], torch.nan).numpy()
    return [
        PoseSequence.observed(
            each, skeleton=Skeleton.load(CANONICAL), fps=_FPS, image_size=(640, 480),
            person=f"person{i}",
        )
        for i, each in enumerate(points)
    ]  # fmt: skip
