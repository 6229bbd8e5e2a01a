"""What an encoder knows: groups and maps of its latents, poses drawn and poses between."""

import base64
import html
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from torch import Tensor, nn

from kpcomplete import clustering, normalize, picturing
from kpcomplete.batch import PoseBatch
from kpcomplete.errors import SettingError
from kpcomplete.model import Autoencoder, Latent
from kpcomplete.model.timeline import Timeline
from kpcomplete.model.variational import Variational
from kpcomplete.output import whole
from kpcomplete.pose import Array

_MAPS = ("pca", "pca_3d", "t_sne", "bottleneck")
_FEWEST = 5  # windows that maps and clusters can be made of


def explore(
    network: Autoencoder,
    batch: PoseBatch,
    output: str | Path,
    *,
    clusters: Sequence[str] = tuple(clustering.WAYS),
    count: int = 8,
    samples: int = 8,
    seed: int = 0,
) -> Path:
    """Write pictures and ``index.html`` about the last frames of windows.

    Args:
        network: Trained.
        batch: Windows in pixels.
        output: Folder, made if need be.
        clusters: Names of `kpcomplete.clustering.WAYS`.
        count: Of clusters.
        samples: Poses drawn, and steps between two poses.
        seed: Same seed, same page.

    Returns:
        The page.

    Raises:
        SettingError: If there are fewer than 5 windows, clusters that cannot be, or no samples.
    """
    if len(batch) < _FEWEST or samples < 1:
        raise SettingError(
            f"at least {_FEWEST} windows and one sample are needed, but got {len(batch)} windows "
            f"and {samples} samples"
        )
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    body = normalize.fit(batch).into_body(batch)
    with torch.inference_mode():
        latent = network.encode(body, causal=True)
    codes = latent.code[:, -1].clone()
    places = maps(codes, seed)
    rows: list[tuple[str, str]] = []
    for way in clusters:
        kinds = clustering.cluster(codes, way, count, seed)
        picturing.maps(folder / f"{way}.png", places, kinds, way)
        sizes = ", ".join(str(int((kinds == k).sum())) for k in np.unique(kinds[kinds >= 0]))
        rows.append((f"{way}.png", f"Clusters by {way}: {sizes} frames"))
        means = [_mean(body, kinds == k) for k in np.unique(kinds[kinds >= 0])[:12]]
        if means:
            titles = [f"{way} {i}" for i in range(len(means))]
            picturing.poses(folder / f"{way}_poses.png", np.stack(means), titles)
            rows.append((f"{way}_poses.png", f"Mean pose of each cluster by {way}"))
    first, last = _far_apart(codes)
    steps = between(network, body, first, last, samples)
    titles = [f"{share:.0%}" for share in np.linspace(0, 1, samples)]
    picturing.poses(folder / "between.png", steps, titles)
    rows.append(("between.png", "From the latent of one pose to that of the one furthest away"))
    if isinstance(network, Variational):
        drawn = draw(network, samples, seed)
        picturing.poses(folder / "drawn.png", drawn, [str(i) for i in range(samples)])
        rows.append(("drawn.png", "Poses drawn from the variational network"))
    return _page(folder, rows)


def maps(codes: Tensor, seed: int = 0) -> dict[str, Array]:
    """Return maps ``[N, 2]``, one of them ``[N, 3]``, of latents ``[N, D]``: `_MAPS`."""
    flat = ((codes - codes.mean(dim=0)) / codes.std(dim=0).clamp_min(1e-6)).numpy()
    solid = PCA(min(3, *flat.shape), random_state=seed).fit_transform(flat)
    perplexity = min(30.0, (len(flat) - 1) / 3)
    tsne = TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(flat)
    found = (solid[:, :2], solid, tsne, bottleneck(torch.from_numpy(flat), seed))
    return dict(zip(_MAPS, found, strict=True))


def bottleneck(codes: Tensor, seed: int = 0, steps: int = 300) -> Array:
    """Return the map ``[N, 2]`` of an autoencoder of latents with two units in its middle."""
    torch.manual_seed(seed)
    size = codes.shape[1]
    enter = nn.Sequential(nn.Linear(size, 64), nn.GELU(), nn.Linear(64, 2))
    leave = nn.Sequential(nn.Linear(2, 64), nn.GELU(), nn.Linear(64, size))
    optimizer = torch.optim.Adam([*enter.parameters(), *leave.parameters()], lr=5e-3)
    with torch.enable_grad():
        for _ in range(steps):
            optimizer.zero_grad()
            torch.autograd.backward((leave(enter(codes)) - codes).square().mean())
            optimizer.step()
    with torch.no_grad():
        found: Array = enter(codes).numpy()
    return found


@torch.inference_mode()
def between(network: Autoencoder, body: PoseBatch, first: int, last: int, count: int) -> Array:
    """Return poses ``[count, 33, 2]`` in body units on the way between two windows' latents.

    What a decoder looks at beside the latent, such as the joints that are seen, is that of either
    window; the two answers are weighed as the latents are. Joints that only one window knows are
    missing.
    """
    share = torch.linspace(0, 1, count)[:, None, None]
    ends = [network.encode(body.select(torch.tensor([i] * count)), causal=True)
            for i in (first, last)]  # fmt: skip
    code = ends[0].code.lerp(ends[1].code, share)
    one, other = (network.decode(replace(end, code=code)) for end in ends)
    known = (one.known & other.known)[:, -1, :, None]
    mean = one.mean[:, -1].lerp(other.mean[:, -1], share)
    points: Array = torch.where(known, mean, torch.nan).numpy()
    return points


@torch.inference_mode()
def draw(network: Variational, count: int, seed: int = 0) -> Array:
    """Return poses ``[count, 33, 2]`` in body units, drawn from a variational network."""
    joints = len(network.skeleton)
    centre = network.centre.expand(count, 1, joints, 2)
    batch = PoseBatch.from_keypoints(centre.clone())
    size = network.encode(batch).code.shape[-1]
    code = torch.randn(count, 1, size, generator=torch.Generator().manual_seed(seed))
    found = network.decode(Latent(code=code, timeline=Timeline.of(batch, causal=True)))
    points: Array = torch.where(found.known[:, 0, :, None], found.mean[:, 0], torch.nan).numpy()
    return points


def _mean(body: PoseBatch, which: Array) -> Array:
    rows = torch.from_numpy(which)
    seen = body.observed[rows, -1, :, None].float()
    total = (body.keypoints[rows, -1] * seen).sum(dim=0)
    count = seen.sum(dim=0)
    points: Array = torch.where(count > 0, total / count.clamp_min(1), torch.nan).numpy()
    return points


def _far_apart(codes: Tensor) -> tuple[int, int]:
    first = int((codes - codes.mean(dim=0)).norm(dim=1).argmax())
    return first, int((codes - codes[first]).norm(dim=1).argmax())


def _page(folder: Path, rows: Sequence[tuple[str, str]]) -> Path:
    parts = ["<!doctype html><meta charset=utf-8><title>What the encoder knows</title>",
             "<style>body{font-family:sans-serif;margin:2em}img{max-width:100%}</style>",
             "<h1>What the encoder knows</h1>"]  # fmt: skip
    for name, text in rows:
        data = base64.b64encode((folder / name).read_bytes()).decode("ascii")
        parts.append(f"<h2>{html.escape(text)}</h2><img src='data:image/png;base64,{data}'>")
    with whole(folder / "index.html") as path:
        path.write_text("\n".join(parts), encoding="utf-8")
    return folder / "index.html"
