"""Triangular matrices in half the room: how checkpoints store factors of covariances."""

from collections.abc import Mapping
from math import isqrt

import torch
from torch import Tensor

_MARK = ".lower"  # ends the names of tensors that hold lower triangles, row by row
_LEAST = 16  # rows of a matrix that is worth it


def pack(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors for a file: of lower triangular ``[..., D, D]`` only what is not always 0."""
    return dict(_packed(name, value) for name, value in tensors.items())


def unpack(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors of a file as they were before `pack`.

    Raises:
        ValueError: If a packed one has a number of columns that is no triangle's.
    """
    return dict(_unpacked(name, value) for name, value in tensors.items())


def _packed(name: str, value: Tensor) -> tuple[str, Tensor]:
    size = value.shape[-1] if value.ndim > 1 else 0
    if size < _LEAST or value.shape[-2] != size or bool(value.triu(1).count_nonzero()):
        return name, value
    rows, columns = torch.tril_indices(size, size)
    return name + _MARK, value[..., rows, columns]


def _unpacked(name: str, value: Tensor) -> tuple[str, Tensor]:
    if not name.endswith(_MARK):
        return name, value
    count = value.shape[-1] if value.ndim else 0
    size = (isqrt(8 * count + 1) - 1) // 2
    if size * (size + 1) // 2 != count:
        raise ValueError(f"{name} must hold triangles, but has {count} columns")
    rows, columns = torch.tril_indices(size, size)
    whole = value.new_zeros(*value.shape[:-1], size, size)
    whole[..., rows, columns] = value
    return name.removesuffix(_MARK), whole
