"""Groups of latents, without labels."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from sklearn.cluster import HDBSCAN, KMeans
from torch import Tensor, nn

from kpcomplete.errors import SettingError
from kpcomplete.pose import Array


def k_means(codes: Float[Tensor, "frame latent"], count: int, seed: int = 0) -> Array:
    """Return the cluster ``[N]`` of each latent."""
    found: Array = KMeans(count, n_init=3, random_state=seed).fit_predict(codes.numpy())
    return found


def hdbscan(codes: Float[Tensor, "frame latent"], count: int, seed: int = 0) -> Array:
    """Return the cluster ``[N]`` of each latent, -1 where it is in none; finds their number.

    Args:
        codes: Latents.
        count: A cluster must hold a fifth of what it would, if there were so many alike.
        seed: Not needed.
    """
    smallest = max(5, len(codes) // (5 * count))
    found: Array = HDBSCAN(min_cluster_size=smallest, copy=True).fit_predict(codes.numpy())
    return found


def embedded(
    codes: Float[Tensor, "frame latent"], count: int, seed: int = 0, *, steps: int = 200
) -> Array:
    """Return the cluster ``[N]`` of each latent by deep embedded clustering.

    A small network and the centres move so that assignments become more certain (Xie et al. 2016,
    arXiv 1511.06335), starting from an autoencoder of the latents and k-means.

    Args:
        codes: Latents.
        count: Of clusters.
        seed: Of the network.
        steps: Of the autoencoder, and again of the clustering.
    """
    torch.manual_seed(seed)
    scaled = (codes - codes.mean(dim=0)) / codes.std(dim=0).clamp_min(1e-6)
    size = scaled.shape[1]
    enter = nn.Sequential(nn.Linear(size, 64), nn.GELU(), nn.Linear(64, 8))
    leave = nn.Sequential(nn.Linear(8, 64), nn.GELU(), nn.Linear(64, size))
    with torch.enable_grad():
        _descend(
            [*enter.parameters(), *leave.parameters()],
            lambda: (leave(enter(scaled)) - scaled).square().mean(),
            steps,
        )
        start = enter(scaled).detach()
        means = KMeans(count, n_init=3, random_state=seed).fit(start.numpy()).cluster_centers_
        centres = nn.Parameter(torch.from_numpy(means.astype(np.float32)))

        def divergence() -> Tensor:
            soft = assign(enter(scaled), centres)
            goal = sharpen(soft.detach())
            return (goal * (goal / soft).log()).sum(dim=1).mean()

        _descend([*enter.parameters(), centres], divergence, steps)
    with torch.no_grad():
        found: Array = assign(enter(scaled), centres).argmax(dim=1).numpy()
    return found


def assign(
    points: Float[Tensor, "frame place"], centres: Float[Tensor, "kind place"]
) -> Float[Tensor, "frame kind"]:
    """Return soft assignments by a Student t distribution of one degree."""
    near = 1 / (1 + torch.cdist(points, centres).square())
    return near / near.sum(dim=1, keepdim=True)


def sharpen(soft: Float[Tensor, "frame kind"]) -> Float[Tensor, "frame kind"]:
    """Return the target: squared, and each cluster divided by its size."""
    weight = soft.square() / soft.sum(dim=0)
    return weight / weight.sum(dim=1, keepdim=True)


def _descend(parameters: list[nn.Parameter], loss: Callable[[], Tensor], steps: int) -> None:
    optimizer = torch.optim.Adam(parameters, lr=3e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        torch.autograd.backward(loss())
        optimizer.step()


WAYS: dict[str, Callable[..., Array]] = {
    "k_means": k_means, "hdbscan": hdbscan, "embedded": embedded,
}  # fmt: skip


def cluster(codes: Float[Tensor, "frame latent"], way: str, count: int, seed: int = 0) -> Array:
    """Return the cluster ``[N]`` of each latent, by a name of `WAYS`.

    Raises:
        SettingError: If there is no such way, or fewer latents than clusters.
    """
    if way not in WAYS or not 2 <= count <= len(codes):
        raise SettingError(
            f"clusters are found by {', '.join(WAYS)}, 2 to {len(codes)} of them, but got "
            f"{way!r} and {count}"
        )
    return WAYS[way](codes, count, seed)
