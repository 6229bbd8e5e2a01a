"""How much of the time a device computes, and how fast, beside what it can do."""

import time
from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

_SIDE = 2048  # of the matrices that show what a device can do


def share_inside(work: Callable[[], None], device: torch.device) -> float:
    """Return the share of the time of some work that its kernels take, 0..1.

    On a CPU these are the operations of torch; the rest is Python's, and calls. Of kernels of a
    GPU that overlap, both count.

    Args:
        work: Does it; the device may still be at it when it returns.
        device: Where.
    """
    on_gpu = device.type == "cuda"
    activities = [ProfilerActivity.CUDA if on_gpu else ProfilerActivity.CPU]
    with profile(activities=activities) as seen:
        begun = time.perf_counter()
        work()
        _wait(device)
        took = time.perf_counter() - begun
    events = seen.key_averages()
    inside = sum(e.self_device_time_total if on_gpu else e.self_cpu_time_total for e in events
                 if on_gpu or e.key.startswith("aten::"))  # fmt: skip
    return min(1.0, float(inside) * 1e-6 / took)


def operations(work: Callable[[], None]) -> float:
    """Return how many floating point operations the products of matrices in some work take."""
    with FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops())


def ceiling(device: torch.device, rounds: int = 5) -> float:
    """Return the operations a second of products of large matrices, float32: the best of some."""
    one = torch.randn(_SIDE, _SIDE, device=device)
    best = float("inf")
    for _ in range(rounds + 1):  # the first warms up
        _wait(device)
        begun = time.perf_counter()
        _ = one @ one
        _wait(device)
        best = min(best, time.perf_counter() - begun)
    return 2.0 * _SIDE**3 / best


def name_of(device: torch.device) -> str:
    """Return a word for a device."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device).replace(" ", "_")
    return device.type


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
