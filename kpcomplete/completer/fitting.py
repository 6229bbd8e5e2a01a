"""Fits all classical completers, and writes what they need."""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from kpcomplete import checkpoint, normalize
from kpcomplete.batch import PoseBatch
from kpcomplete.completer import estimate
from kpcomplete.completer.gaussian import Gaussian
from kpcomplete.completer.neighbours import Neighbours
from kpcomplete.data import Data, PoseSet
from kpcomplete.errors import SettingError
from kpcomplete.skeleton import CANONICAL, Skeleton

log = logging.getLogger(__name__)

LAGS = (1, 2, 4, 8, 16, 32, 64, 128, 240)  # frames
WINDOW = 64  # frames over which a person is placed
_FRAMES = 1500  # of each kind of camera
_STRENGTH = 100.0  # poses that the mean over all cameras counts in each camera's Gaussian
_ROUNDS = 20  # of expectation maximisation
_WINDOWS = 4000  # of each view: there are more where few people are seen from many sides
_CLASSES = {"motion": "hold.Hold", "gaussian": "gaussian.Gaussian", "low_rank": "low_rank.LowRank",
            "neighbours": "neighbours.Neighbours"}  # fmt: skip
# What is hidden in turn to learn how far people are from their neighbours.
_PARTS = (("left_elbow", "left_wrist"), ("right_elbow", "right_wrist"),
          ("nose", "left_eye", "right_eye", "left_ear", "right_ear"),
          ("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
           "left_heel", "right_heel", "left_foot_index", "right_foot_index"),
          ("left_shoulder", "right_shoulder"))  # fmt: skip


def fit_all(
    *,
    parts: Mapping[str, Data],
    folder: str,
    moving: Sequence[str],
    hold_out: Sequence[str] = (),
    seed: int = 0,
    command: str = "python tools/train.py experiment=classical",
) -> dict[str, Path]:
    """Fit the classical completers to data, and write one file each.

    Args:
        parts: The data sets, by name.
        folder: Where to write ``motion``, ``gaussian``, ``low_rank`` and ``neighbours``.
        moving: Names of the data sets whose motion and noise are like those of users.
        hold_out: People to leave out.
        seed: Of the frames that are drawn.
        command: What remakes the files; stored in them.

    Returns:
        Name to file.
    """
    sets = {}
    for name, data in parts.items():
        whole = data.load()
        held = [person for person in hold_out if person in whole.people]
        sets[name] = whole.split(held)[0]
    people = sorted({person for poses in sets.values() for person in poses.people})
    written = {}
    for name, tensors in fit(sets, moving=moving, seed=seed).items():
        path = Path(folder) / f"{name}.safetensors"
        provenance = {
            "data": sorted(sets),
            "people": people,
            "held_out": list(hold_out),
            "command": command,
            "seed": seed,
            "versions": checkpoint.versions(),
        }
        network = f"kpcomplete.completer.{_CLASSES[name]}"
        checkpoint.save(path, tensors, {"network": network, "provenance": provenance})
        log.info("wrote %s, %d bytes", path, path.stat().st_size)
        written[name] = path
    return written


def fit(
    sets: Mapping[str, PoseSet],
    *,
    moving: Sequence[str],
    seed: int = 0,
    mirrored: bool = True,
    frames: int = _FRAMES,
    poses: int = 120,
    rank: int = 8,
    strength: float = _STRENGTH,
    rounds: int = _ROUNDS,
) -> dict[str, dict[str, Tensor]]:
    """Return the numbers of all classical completers, by file and name.

    Every set's view is a kind of camera, and so is its mirror image: each weighs the same.

    Args:
        sets: Data sets by name.
        moving: See `fit_all`.
        seed: Of the frames that are drawn.
        mirrored: Also fit the mirror image of each kind of camera.
        frames: Drawn from each kind of camera.
        poses: Stored from each kind of camera as neighbours.
        rank: Directions of probabilistic PCA.
        strength: Poses that the mean over all cameras counts in each camera's Gaussian.
        rounds: Of expectation maximisation.

    Raises:
        SettingError: If a set of ``moving`` is not there.
    """
    unknown = sorted(set(moving) - set(sets))
    if unknown or not moving:
        raise SettingError(f"motion is fitted to some of {sorted(sets)}, but got {list(moving)}")
    generator = torch.Generator().manual_seed(seed)
    views = _views(sets, frames, generator, mirrored)
    joints = _seen_joints(views)
    views = {name: points[:, joints] for name, points in views.items()}
    gaussian, low_rank = fit_poses(views, joints, rank, strength, rounds)
    return {
        "motion": fit_motion([sets[name] for name in moving]),
        "gaussian": gaussian,
        "low_rank": low_rank,
        "neighbours": fit_neighbours(views, Gaussian(weights=gaussian), poses, generator),
    }


def fit_gaussian(sets: Mapping[str, PoseSet], *, seed: int = 0) -> dict[str, Tensor]:
    """Return the numbers of `gaussian` alone, as `fit` finds them.

    Args:
        sets: Data sets by name.
        seed: Of the frames that are drawn.
    """
    views = _views(sets, _FRAMES, torch.Generator().manual_seed(seed), mirrored=True)
    joints = _seen_joints(views)
    views = {name: points[:, joints] for name, points in views.items()}
    return fit_poses(views, joints, None, _STRENGTH, _ROUNDS)[0]


def fit_poses(
    views: Mapping[str, Tensor], joints: Tensor, rank: int | None, strength: float, rounds: int
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return a mixture of Gaussians and one of probabilistic PCAs, a component a view.

    Args:
        views: Name to ``[N, S, 2]`` body units, NaN where missing.
        joints: ``[S]`` which they are.
        rank: See `fit`; None makes no PCAs.
        strength: See `fit`.
        rounds: See `fit`.
    """
    prior = estimate.gaussian(torch.cat(list(views.values())), rounds=rounds)
    fit_one = partial(estimate.gaussian, prior=prior, strength=strength, rounds=rounds)
    full = [fit_one(points) for points in views.values()]
    common = {"joints": joints, "weight": torch.full((len(views),), 1 / len(views))}
    factor = torch.linalg.cholesky(torch.stack([covariance for _, covariance in full]))
    # precise to a thousandth of a standard deviation, which is plenty
    gaussian = {"mean": torch.stack([mean for mean, _ in full]).half(), "factor": factor.half()}
    if rank is None:
        return common | gaussian, {}
    flat = [fit_one(points, rank=rank) for points in views.values()]
    directions = [estimate.low_rank(covariance, rank) for _, covariance in flat]
    low_rank = {
        "mean": torch.stack([mean for mean, _ in flat]).half(),
        "loadings": torch.stack([loadings for loadings, _ in directions]).half(),
        "noise": torch.stack([noise for _, noise in directions]).float(),
    }
    return common | gaussian, common | low_rank


def fit_motion(sets: Sequence[PoseSet]) -> dict[str, Tensor]:
    """Return how far joints move in a time, and what a Kalman filter makes of it.

    All sets must have one frame rate. Left and right move alike: a driver's sides change with
    the country. Where clips are short, less is told of long times.

    Raises:
        SettingError: If clips are too short or too few.
    """
    whole = PoseSet.concatenate(sets)
    mirror = torch.from_numpy(Skeleton.load(CANONICAL).mirror)
    for count in range(len(LAGS), 2, -1):
        lags, length = LAGS[:count], LAGS[count - 1] + 16
        if not len(whole.starts(length, length)):
            continue
        squares = estimate.variogram(whole.windows(length, length), lags)
        if squares.isfinite().all():
            squares = (squares + squares[:, mirror]) / 2
            seconds = torch.tensor(lags) / whole.fps
            return {"lags": seconds, "squares": squares, **estimate.damped(seconds, squares)}
    raise SettingError(
        f"motion needs many clips of {LAGS[2] + 16} frames or more, but these have "
        f"{len(whole.keypoints)} frames in {len(whole)} clips"
    )


def fit_neighbours(
    views: Mapping[str, Tensor], gaussian: Gaussian, count: int, generator: torch.Generator
) -> dict[str, Tensor]:
    """Return poses ``[L, S, 2]`` of all views, and how far people are from their neighbours.

    Missing joints of a stored pose are those that a Gaussian expects.

    Args:
        views: Name to ``[N, S, 2]`` body units, NaN where missing.
        gaussian: Fills the stored poses in.
        count: Poses from each view.
        generator: Draws them.
    """
    drawn, asked = [], []
    for points in views.values():
        order = torch.randperm(len(points), generator=generator)
        drawn.append(points[order[:count]])
        asked.append(points[order[count : 2 * count]])
    stored, seen = torch.cat(drawn), torch.cat(drawn).isfinite().all(dim=-1)
    found = gaussian.mixture.condition(stored.nan_to_num(0.0), seen)
    stored = torch.where(seen[..., None], stored, found.mean).half()
    joints = gaussian.mixture.joints
    out = {"joints": joints, "poses": stored, "spread": torch.zeros(len(joints))}
    return out | {"spread": _spread(out, torch.cat(asked))}


def _spread(weights: Mapping[str, Tensor], points: Tensor) -> Tensor:
    """Return what the error of hidden joints has beside the neighbours' own spread, ``[S]``."""
    neighbours = Neighbours(weights=weights)
    skeleton = Skeleton.load(CANONICAL)
    joints = weights["joints"]
    total, count = torch.zeros(len(joints)), torch.zeros(len(joints))
    for part in _PARTS:
        hidden = torch.isin(joints, torch.tensor(skeleton.indices(part)))
        shown = points.isfinite().all(dim=-1) & ~hidden
        some = shown.any(dim=-1)
        near = neighbours.nearest(points[some].nan_to_num(0.0), shown[some])
        mean = near.mean(dim=1)
        error = (mean - points[some]).square() - (near - mean[:, None]).square().mean(dim=1)
        known = points[some].isfinite().all(dim=-1) & hidden
        total += torch.where(known[..., None], error, 0.0).mean(dim=-1).sum(dim=0)
        count += known.sum(dim=0)
    return (total / count.clamp_min(1)).clamp_min(estimate.JITTER)


def _views(
    sets: Mapping[str, PoseSet], frames: int, generator: torch.Generator, mirrored: bool
) -> dict[str, Tensor]:
    """Return ``[frames, 33, 2]`` body units of each kind of camera, NaN where missing."""
    out = {}
    mirror = torch.from_numpy(Skeleton.load(CANONICAL).mirror)
    for name, poses in sets.items():
        for view in sorted(set(poses.views)):
            some = poses.select([i for i, v in enumerate(poses.views) if v == view])
            for kind, batch in placed(_windows(some, generator)).items():
                points = torch.where(batch.observed[..., None], batch.keypoints, torch.nan)
                points = points[batch.observed.sum(dim=-1) >= 2]
                order = torch.randperm(len(points), generator=generator)[:frames]
                straight = points[order]
                out[f"{name} {view}{kind}"] = straight
                if mirrored:
                    turned = straight[:, mirror] * torch.tensor([-1.0, 1.0])
                    out[f"{name} {view}{kind} mirrored"] = turned
    return out


def _windows(poses: PoseSet, generator: torch.Generator) -> PoseBatch:
    """Return windows of some clips, in body units, or of all that are few enough."""
    most = _WINDOWS * WINDOW
    if len(poses.keypoints) > most:
        order = torch.randperm(len(poses), generator=generator)
        enough = poses.clips[order, 1].cumsum(dim=0) <= most
        enough[0] = True
        poses = poses.select(order[enough].tolist())
    return poses.windows(WINDOW, WINDOW)


def placed(batch: PoseBatch) -> dict[str, PoseBatch]:
    """Return windows as they are placed; where faces are known, also as if these were hidden.

    A person without a nose is placed and scaled by other joints, and not to the same size.
    """
    face = torch.zeros(batch.observed.shape[2], dtype=torch.bool)
    face[: Skeleton.load(CANONICAL).index("left_shoulder")] = True
    if not batch.observed[..., face].any():
        return {"": batch}
    faceless = normalize.fit(batch.hide(face.expand_as(batch.observed)))
    return {"": batch, " faceless": faceless.into_body(batch)}


def _seen_joints(views: Mapping[str, Tensor]) -> Tensor:
    """Return the joints that at least one kind of camera shows in 5 % of its frames."""
    share = torch.stack(
        [points.isfinite().all(dim=-1).float().mean(dim=0) for points in views.values()]
    )
    return (share.amax(dim=0) >= 0.05).nonzero()[:, 0]
