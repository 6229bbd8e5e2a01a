"""How far completed joints are from the truth, and what networks are corrected by for that."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from kpcomplete import metric
from kpcomplete.batch import PoseBatch
from kpcomplete.model import CAUSAL, OFFLINE, Autoencoder, Prediction
from kpcomplete.model.timeline import KINDS, Timeline

MODES = ((OFFLINE, "offline"), (CAUSAL, "causal"))
COVERED = 0.9
QUANTILE = metric.chi_square(COVERED)
_FEWEST = 100  # joints of a kind below which nothing is said of it
_AT_ONCE = 128  # windows


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """Of each joint, ``[B, T, J]``.

    Attributes:
        error: Body units.
        baseline: The same, of the straight line.
        inside: Squared distance in standard deviations.
        lost: Was hidden, and the truth is known.
        hidden: Lost and filled in.
        known: There is something to say.
        seen: Was observed somewhere in the window.
        kind: Which of `KINDS`.
    """

    error: Tensor
    baseline: Tensor
    inside: Tensor
    lost: Tensor
    hidden: Tensor
    known: Tensor
    seen: Tensor
    kind: Tensor

    @classmethod
    def of(
        cls, network: Autoencoder, corrupted: PoseBatch, clean: PoseBatch, *, causal: bool
    ) -> "Outcome":
        """Complete corrupted windows, and compare with clean ones; in the same body units."""
        found = _found(network, corrupted, causal=causal)
        timeline = Timeline.of(corrupted, causal=causal)
        offset = clean.keypoints - found.mean
        solved = torch.linalg.solve_triangular(found.factor, offset[..., None], upper=False)
        lost = clean.observed & ~corrupted.observed
        return cls(
            error=offset.norm(dim=-1),
            baseline=(clean.keypoints - timeline.base).norm(dim=-1),
            inside=solved.square().sum(dim=(-2, -1)),
            lost=lost,
            hidden=lost & found.known,
            known=found.known,
            seen=timeline.seen,
            kind=timeline.kind,
        )


def choose_trust(
    network: Autoencoder, corrupted: PoseBatch, clean: PoseBatch, mode: int, name: str
) -> dict[str, float]:
    """Take as much of a network's corrections as makes errors smallest, in tenths, by kind.

    Returns:
        The shares, ``NAME_KIND_trust``; kinds of which too few joints were hidden keep theirs.
    """
    offsets = []
    before = network.trust[mode].clone()
    for trust in (0.0, 1.0):  # the prediction is linear in it
        network.trust[mode] = trust
        found = _found(network, corrupted, causal=mode == CAUSAL)
        offsets.append(found.mean - clean.keypoints)
    kinds = Timeline.of(corrupted, causal=mode == CAUSAL).kind
    hidden = clean.observed & found.known & ~corrupted.observed
    figures = {}
    for place, kind in enumerate(KINDS):
        where = hidden & (kinds == place)
        if int(where.sum()) < _FEWEST:
            network.trust[mode, place] = before[place]
            continue
        none, full = offsets[0][where], offsets[1][where]
        tenths = [float(torch.lerp(none, full, i / 10).norm(dim=-1).mean()) for i in range(11)]
        best = tenths.index(min(tenths)) / 10
        network.trust[mode, place] = best
        figures[f"{name}_{kind}_trust"] = best
    return figures


def scale_regions(
    network: Autoencoder, corrupted: PoseBatch, clean: PoseBatch, mode: int, name: str
) -> dict[str, float]:
    """Scale standard deviations until 90 % regions hold 90 % of the hidden joints of each kind.

    Returns:
        ``NAME_KIND_coverage`` the share held by regions that are not scaled, ``NAME_KIND_factor``;
        kinds of which too few joints were hidden keep theirs.
    """
    before = network.calibration[mode].clone()
    network.calibration[mode] = 1.0
    outcome = Outcome.of(network, corrupted, clean, causal=mode == CAUSAL)
    figures = {}
    for place, kind in enumerate(KINDS):
        inside = outcome.inside[outcome.hidden & (outcome.kind == place)]
        if len(inside) < _FEWEST:
            network.calibration[mode, place] = before[place]
            continue
        rank = math.ceil(COVERED * len(inside))
        factor = float((inside.kthvalue(rank).values / QUANTILE).sqrt())
        network.calibration[mode, place] = factor
        figures[f"{name}_{kind}_coverage"] = float((inside < QUANTILE).float().mean())
        figures[f"{name}_{kind}_factor"] = factor
    return figures


def _found(network: Autoencoder, corrupted: PoseBatch, *, causal: bool) -> Prediction:
    """Return what a network says of many windows, some at a time."""
    parts = [
        network(corrupted.select(slice(i, i + _AT_ONCE)), causal=causal)
        for i in range(0, len(corrupted), _AT_ONCE)
    ]
    return Prediction(
        mean=torch.cat([part.mean for part in parts]),
        factor=torch.cat([part.factor for part in parts]),
        known=torch.cat([part.known for part in parts]),
    )
