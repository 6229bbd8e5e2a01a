"""Windows of labelled people as features, with parts hidden in several ways."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from kpcomplete.batch import PoseBatch
from kpcomplete.corruption.parts import part_masks
from kpcomplete.data.labelled import NONE, LabelledBatch, LabelledSet
from kpcomplete.head.several import Several

HIDDEN = {"as seen": None, "no legs": "legs", "no right arm": "right_arm"}
_PIECE = 512  # windows at a time


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """Windows as features, with parts hidden in three ways.

    Attributes:
        features: Name of `HIDDEN` to ``[N, F]``.
        shown: Name of `HIDDEN` to ``[N]`` bool, which show enough to say something.
        targets: Task to ``[N]``.
        person: ``[N]`` number of the person in ``people``.
        view: ``[N]`` number of the view.
        people: Names, sorted.
    """

    features: Mapping[str, Tensor]
    shown: Mapping[str, Tensor]
    targets: Mapping[str, Tensor]
    person: Tensor
    view: Tensor
    people: tuple[str, ...]

    def rows(self, which: Tensor) -> "Seen":
        """Return some of the windows."""
        return Seen(
            features={name: f[which] for name, f in self.features.items()},
            shown={name: shown[which] for name, shown in self.shown.items()},
            targets={task: t[which] for task, t in self.targets.items()},
            person=self.person[which],
            view=self.view[which],
            people=self.people,
        )

    def answered(self, name: str) -> "Seen":
        """Return the windows that show enough with parts hidden in one of the ways."""
        return self.rows(self.shown[name])

    def of(self, people: Collection[str]) -> "Seen":
        """Return the windows of some people."""
        numbers = [i for i, name in enumerate(self.people) if name in set(people)]
        return self.rows(torch.isin(self.person, torch.tensor(numbers)).nonzero()[:, 0])


def look(network: Several, data: LabelledSet, stride: int) -> Seen:
    """Return the features of all windows, computed once."""
    starts = data.poses.starts(network.past, stride)
    clip = torch.bucketize(starts, data.poses.clips[:, 0].contiguous(), right=True) - 1
    parts: dict[str, list[Tensor]] = {name: [] for name in HIDDEN}
    shown: dict[str, list[Tensor]] = {name: [] for name in HIDDEN}
    targets: list[Mapping[str, Tensor]] = []
    with torch.inference_mode():
        for piece in tqdm(torch.split(starts, _PIECE), desc="encode", disable=None):
            batch = data.at(piece, network.past)
            targets.append(batch.targets)
            for name, part in HIDDEN.items():
                left = _without(batch, part)
                parts[name].append(network.features(left))
                shown[name].append(network.seen(left))
    people = sorted(set(data.poses.people))
    views = sorted(set(data.poses.views))
    person = torch.tensor([people.index(p) for p in data.poses.people])
    view = torch.tensor([views.index(v) for v in data.poses.views])
    return Seen(
        features={name: torch.cat(found).clone() for name, found in parts.items()},
        shown={name: torch.cat(found).clone() for name, found in shown.items()},
        targets={task: torch.cat([t[task] for t in targets]) for task in data.tasks},
        person=person[clip],
        view=view[clip],
        people=tuple(people),
    )


def _without(batch: LabelledBatch, part: str | None) -> PoseBatch:
    if part is None:
        return batch
    plain = PoseBatch(keypoints=batch.keypoints, confidence=batch.confidence,
                      observed=batch.observed, times=batch.times)  # fmt: skip
    return plain.hide(part_masks([part], batch.device)[0].expand_as(batch.observed))


def few(targets: Tensor, share: float, seed: int) -> Tensor:
    """Return targets ``[N]`` of which a share is kept of each class, one at least."""
    draw = torch.Generator().manual_seed(seed)
    kept = torch.full_like(targets, NONE)
    for number in torch.unique(targets[targets != NONE]).tolist():
        rows = (targets == number).nonzero()[:, 0]
        count = max(1, round(share * len(rows)))
        chosen = rows[torch.randperm(len(rows), generator=draw)[:count]]
        kept[chosen] = number
    return kept
