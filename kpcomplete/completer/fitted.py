"""Numbers that completers were fitted with."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from kpcomplete import checkpoint
from kpcomplete.errors import ModelFileError
from kpcomplete.skeleton import CANONICAL, Skeleton

Weights = str | Path | Mapping[str, Tensor]


def read(weights: Weights, names: Sequence[str]) -> dict[str, Tensor]:
    """Return fitted numbers by name, real ones in float32.

    Args:
        weights: A file, the name of a shipped file, or the tensors themselves.
        names: What is needed.

    Raises:
        ModelFileError: If something is missing, or the file speaks of other joints.
    """
    if isinstance(weights, Mapping):
        tensors, origin = weights, "the tensors given"
    else:
        path = checkpoint.find(weights)
        loaded = checkpoint.load(path)
        if loaded.metadata.skeleton.joints != Skeleton.load(CANONICAL).joints:
            raise ModelFileError(
                f"{path} must speak of the joints of {CANONICAL!r}, but speaks of those of "
                f"{loaded.metadata.skeleton.name!r}"
            )
        tensors, origin = loaded.tensors, str(path)
    missing = sorted(set(names) - set(tensors))
    if missing:
        raise ModelFileError(
            f"{origin} should hold {', '.join(names)}, but lacks {', '.join(missing)}"
        )
    return {
        name: tensors[name].to(torch.float32)
        if tensors[name].is_floating_point()
        else tensors[name]
        for name in names
    }
