"""Gaussians for a network to start from, which do not know the people it learns from by them."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from kpcomplete.completer.fitting import fit_gaussian
from kpcomplete.data import PoseSet
from kpcomplete.errors import SettingError

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class Crossed:
    """Gaussians of all people, and for each group of them Gaussians of all others.

    Attributes:
        whole: As the completer ``gaussian`` has them.
        others: The same, for each group.
        folds: Person to group.
    """

    whole: dict[str, Tensor]
    others: list[dict[str, Tensor]]
    folds: dict[str, int]

    @classmethod
    def of(cls, sets: Mapping[str, PoseSet], count: int, seed: int = 0) -> "Crossed":
        """Fit them.

        Args:
            sets: Data sets by name.
            count: Groups of people, or fewer where a data set has fewer people; 0 makes none.
            seed: Of the frames that are drawn.

        Raises:
            SettingError: If a view of a data set shows people of one group alone.
        """
        names = {name: sorted(set(poses.people)) for name, poses in sets.items()}
        count = min(count, *map(len, names.values()))
        folds: dict[str, int] = {}
        for some in names.values() if count else ():
            folds |= {person: i % count for i, person in enumerate(some)}
        rests = []
        for number in range(count):
            rest = {}
            for name, poses in sets.items():
                rest[name] = poses.split([p for p in names[name] if folds[p] == number])[0]
                lost = sorted(set(poses.views) - set(rest[name].views))
                if lost:
                    raise SettingError(
                        f"Gaussians of others need people of two groups in each view, but in "
                        f"{lost[0]!r} of {name!r} they are of one: set crossed=0"
                    )
            rests.append(rest)
        whole = fit_gaussian(sets, seed=seed)
        others = []
        for number, rest in enumerate(rests):
            others.append(fit_gaussian(rest, joints=whole["joints"], seed=seed))
            log.info("fitted Gaussians of all but group %d of %d", number + 1, count)
        return cls(whole=whole, others=others, folds=folds)
