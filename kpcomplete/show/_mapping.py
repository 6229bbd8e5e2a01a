"""Latents as points in space, and how unusual each of them is."""

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from kpcomplete.errors import MissingDependencyError, SettingError
from kpcomplete.pose import Array

PROJECTIONS = ("pca", "umap")
_NEIGHBOURS = 8


def place(codes: Tensor, way: str, seed: int = 0) -> Array:
    """Return points ``[N, 3]``, most of them within 1 of the origin.

    Args:
        codes: ``[N, D]``.
        way: ``pca``, or ``umap``, which needs umap-learn.
        seed: Of the latter.

    Raises:
        SettingError: If there is no such way.
        MissingDependencyError: If umap-learn is not installed.
    """
    flat = _standard(codes)
    if way == "pca":
        found = PCA(min(3, *flat.shape), random_state=seed).fit_transform(flat)
        found = np.pad(found, ((0, 0), (0, 3 - found.shape[1])))
    elif way == "umap":
        found = _umap(flat, seed)
    else:
        raise SettingError(f"latents are placed by {' or '.join(PROJECTIONS)}, but got {way!r}")
    found = found - found.mean(axis=0)
    reach = np.quantile(np.linalg.norm(found, axis=1), 0.95)
    points: Array = np.clip(found / max(float(reach), 1e-9), -1.5, 1.5)
    return points


def oddness(codes: Tensor, apart: Array) -> Array:
    """Return how far each latent is from its nearest others, 0 to 1 by rank.

    Args:
        codes: ``[N, D]``.
        apart: ``[N]`` a number; those of the same are no others, as neighbours in time are alike.
    """
    flat = _standard(codes)
    count = min(len(flat), 16 * _NEIGHBOURS)
    distance, which = NearestNeighbors(n_neighbors=count).fit(flat).kneighbors(flat)
    distance = np.where(apart[which] == apart[:, None], np.nan, distance)
    far = np.array([np.sort(row[np.isfinite(row)])[:_NEIGHBOURS].mean() if np.isfinite(row).any()
                    else np.inf for row in distance])  # fmt: skip
    rank: Array = far.argsort().argsort() / max(len(far) - 1, 1)
    return rank


def _standard(codes: Tensor) -> Array:
    codes = codes.double()
    flat: Array = ((codes - codes.mean(dim=0)) / codes.std(dim=0).clamp_min(1e-6)).numpy()
    return flat


def _umap(flat: Array, seed: int) -> Array:
    try:
        import umap
    except ImportError as error:
        raise MissingDependencyError(
            "show.projection=umap needs the package 'umap-learn', which is not installed: run pip "
            "install 'kpcomplete[umap]'"
        ) from error
    torch.manual_seed(seed)
    found: Array = umap.UMAP(
        n_components=3, n_neighbors=min(15, len(flat) - 1), random_state=seed, n_jobs=1
    ).fit_transform(flat)
    return found
