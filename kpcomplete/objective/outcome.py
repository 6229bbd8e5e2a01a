"""How far completed joints are from the truth, and what networks are corrected by for that."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from kpcomplete import metric
from kpcomplete.batch import PoseBatch
from kpcomplete.model import CAUSAL, OFFLINE, Autoencoder, Prediction
from kpcomplete.model.timeline import KINDS, Timeline

MODES = ((OFFLINE, "offline"), (CAUSAL, "causal"))
COVERED = 0.9
QUANTILE = metric.chi_square(COVERED)
_FEWEST = 100  # joints of a kind below which nothing is said of it
_ENOUGH = 300  # of a group, by which regions of all are scaled
_NOBODY = -1  # group that does not count
_AT_ONCE = 128  # windows
_TENTHS = tuple(i / 10 for i in range(11))
_STILL = 0.02  # body units that make errors of people who do not move at all comparable


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
    network: Autoencoder,
    corrupted: PoseBatch,
    clean: PoseBatch,
    mode: int,
    name: str,
    groups: Int[Tensor, " batch"] | None = None,
) -> dict[str, float]:
    """Take as much of a network's choices and corrections as makes errors smallest, in tenths.

    Both shares are found together, for each kind of hidden joint. Errors are relative to those of
    the straight line in the same window, so that people who hardly move count as others do. Where
    there are groups of windows, of different people, what it gains on the line for all together
    counts as much as what it gains, or costs, for the group that it suits least.

    Returns:
        The shares, ``NAME_KIND_choice`` and ``NAME_KIND_trust``; kinds of which too few joints
        were hidden keep theirs.
    """
    before = network.choice[mode].clone(), network.trust[mode].clone()
    offsets = []
    for shares in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)):  # the prediction is linear in both
        network.choice[mode], network.trust[mode] = shares
        found = _found(network, corrupted, causal=mode == CAUSAL)
        offsets.append(found.mean - clean.keypoints)
    timeline = Timeline.of(corrupted, causal=mode == CAUSAL)
    hidden = clean.observed & found.known & ~corrupted.observed
    seen = hidden & timeline.seen
    line = torch.where(seen, (timeline.base - clean.keypoints).norm(dim=-1), 0.0)
    usual = line.sum(dim=(1, 2)) / seen.sum(dim=(1, 2)).clamp_min(1)
    weight = torch.where(timeline.seen, 1 / (usual + _STILL)[:, None, None], 1.0)
    group = _expanded(groups, hidden)
    figures: dict[str, float] = {}
    for place, kind in enumerate(KINDS):
        where = hidden & (timeline.kind == place)
        if int(where.sum()) < _FEWEST:
            network.choice[mode, place], network.trust[mode, place] = (b[place] for b in before)
            continue
        none, chosen, added = (offset[where] for offset in offsets)
        chosen, added, counts, of = chosen - none, added - none, weight[where], group[where]
        lined = bool(seen[where].any())  # who was never seen has no line to be kept to
        choices = _TENTHS if lined else (1.0,)
        tried = [(choice, trust) for choice in choices for trust in _TENTHS]
        errors = torch.stack([
            none.new_zeros(int(group.max()) + 1).index_add(
                0, of, (none + i * chosen + j * added).norm(dim=-1) * counts
            ) for i, j in tried
        ])  # fmt: skip
        large = torch.bincount(of, minlength=errors.shape[1]) >= _FEWEST
        gained = (errors + 1e-9) / (errors[0] + 1e-9)  # the first takes nothing
        hardest = gained[:, large].amax(dim=1) if large.any() else errors.new_ones(len(tried))
        score = errors.sum(dim=1) * (hardest if lined else 1.0)
        choice, trust = tried[int(score.argmin())]
        network.choice[mode, place], network.trust[mode, place] = choice, trust
        figures |= {f"{name}_{kind}_choice": choice, f"{name}_{kind}_trust": trust}
    return figures


def scale_regions(
    network: Autoencoder,
    corrupted: PoseBatch,
    clean: PoseBatch,
    mode: int,
    name: str,
    groups: Int[Tensor, " batch"] | None = None,
    foremost: Bool[Tensor, " batch"] | None = None,
) -> dict[str, float]:
    """Scale standard deviations until 90 % regions hold 90 % of the hidden joints of each kind.

    The next people may be harder than these. Where there are groups of windows, of different
    people, factors are those of the group which needs the largest, or lie halfway (of their
    logarithms) between that and what all joints together need, if this is more. Only groups of
    foremost windows count, if there are any: of people such as users will show.

    Returns:
        ``NAME_KIND_coverage`` the share held by regions that are not scaled, ``NAME_KIND_factor``;
        kinds of which too few joints were hidden keep theirs.
    """
    before = network.calibration[mode].clone()
    network.calibration[mode] = 1.0
    outcome = Outcome.of(network, corrupted, clean, causal=mode == CAUSAL)
    group = _expanded(groups, outcome.kind)
    if foremost is not None and groups is not None:
        group = torch.where(foremost[:, None, None], group, _NOBODY)
    figures = {}
    for place, kind in enumerate(KINDS):
        where = outcome.hidden & (outcome.kind == place)
        inside, of = outcome.inside[where], group[where]
        if len(inside) < _FEWEST:
            network.calibration[mode, place] = before[place]
            continue
        parts = [inside[of == number] for number in torch.unique(of).tolist() if number != _NOBODY]
        together = _factor(inside)
        hardest = max([_factor(p) for p in parts if len(p) >= _ENOUGH], default=together)
        factor = math.sqrt(hardest * max(hardest, together))
        network.calibration[mode, place] = factor
        figures[f"{name}_{kind}_coverage"] = float((inside < QUANTILE).float().mean())
        figures[f"{name}_{kind}_factor"] = factor
    return figures


def _expanded(groups: Tensor | None, like: Tensor) -> Tensor:
    """Return which group each joint ``[B, T, J]`` is of; without groups all are of one."""
    if groups is None:
        groups = torch.zeros(len(like), dtype=torch.int64, device=like.device)
    return groups[:, None, None].expand(like.shape)


def _factor(inside: Tensor) -> float:
    """Return what regions must grow by to hold 90 % of joints at these squared distances."""
    rank = math.ceil(COVERED * len(inside))
    return float((inside.kthvalue(rank).values / QUANTILE).sqrt())


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
