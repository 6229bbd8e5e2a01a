"""Training runs that are to go on later."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from kpcomplete import checkpoint
from kpcomplete.checkpoint import Metadata
from kpcomplete.errors import ModelFileError


def save(
    path: str | Path,
    network: nn.Module,
    averaged: Mapping[str, Tensor],
    optimizer: Optimizer,
    progress: Mapping[str, Any],
) -> None:
    """Write all that a run needs to go on; it is a checkpoint like any other."""
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"averaged.{name}": value for name, value in averaged.items()}
    for place, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{place}.{key}": value for key, value in values.items()}
    checkpoint.save(path, tensors, Metadata.of(network, progress))


def load(
    path: str | Path, network: nn.Module, optimizer: Optimizer
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Put network and optimizer back to where a run was.

    Returns:
        The averaged weights, and the progress.

    Raises:
        ModelFileError: If the file is no unfinished run of this network.
    """
    found = checkpoint.load(path)
    here = Metadata.of(network, {})
    there = found.metadata
    if (there.network, there.arguments) != (here.network, here.arguments):
        raise ModelFileError(
            f"{path} must hold an unfinished run of {here.network} with {here.arguments}, "
            f"but holds {there.network} with {there.arguments}"
        )
    parts: dict[str, dict[str, Tensor]] = {"network": {}, "averaged": {}, "optimizer": {}}
    for name, tensor in found.tensors.items():
        kind, _, rest = name.partition(".")
        if kind not in parts or not rest:
            raise ModelFileError(
                f"{path} must hold an unfinished run, but holds {name!r}: is it a finished model?"
            )
        parts[kind][rest] = tensor
    network.load_state_dict(parts["network"])
    state = optimizer.state_dict()
    state["state"] = {}
    for name, tensor in parts["optimizer"].items():
        place, _, key = name.partition(".")
        state["state"].setdefault(int(place), {})[key] = tensor
    optimizer.load_state_dict(state)
    return parts["averaged"], dict(there.provenance)
