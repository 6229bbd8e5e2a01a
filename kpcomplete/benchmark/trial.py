"""What is hidden on purpose, in which windows of which people."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kpcomplete.batch import Memory, PoseBatch
from kpcomplete.corruption.parts import part_masks
from kpcomplete.data import PoseSet
from kpcomplete.errors import SettingError


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What is hidden in windows of which length.

    Args:
        name: Row of the table; the row of several trials of one name is their mean.
        figure: Figure that the row counts in, e.g. ``parts`` or ``gap30``.
        length: Frames of a window.
        parts: Names of `kpcomplete.corruption.parts.PARTS` or of joints, hidden together.
        gap: Frames in the middle of the window for which they are hidden; None: all frames.
        ratio: Share of all joints and frames that is hidden at random instead of parts.
        drawn: Number of joints, drawn for each window among those it shows, that are hidden
            instead of parts.
        causal: The window ends with its gap, and only completers that look back take part.
    """

    name: str
    figure: str
    length: int
    parts: tuple[str, ...] = ()
    gap: int | None = None
    ratio: float = 0.0
    drawn: int = 0
    causal: bool = False

    @property
    def place(self) -> slice:
        """The frames in which joints are hidden."""
        if self.gap is None:
            return slice(0, self.length)
        first = (self.length - self.gap) // 2
        return slice(first, first + self.gap)

    def joints(self) -> Tensor:
        """Return ``[J]`` which joints may be hidden."""
        if not self.parts:
            return torch.ones(33, dtype=torch.bool)
        return part_masks(self.parts, torch.device("cpu")).any(dim=0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Windows:
    """Windows of known people, and where they are from.

    Attributes:
        clean: Pixels, nothing hidden.
        clip: ``[B]`` which clip of the set.
        start: ``[B]`` first frame, counted in the whole set.
        person: Whose, a name a window.
        view: From where, a name a window.
    """

    clean: PoseBatch
    clip: Tensor
    start: Tensor
    person: tuple[str, ...]
    view: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.person)


def shows(poses: PoseSet, trial: Trial) -> bool:
    """Whether there is a window that shows what a trial hides."""
    return bool(_usable(poses, trial, _starts(poses, trial)).any())


def draw(poses: PoseSet, trial: Trial, *, count: int, seed: int) -> Windows:
    """Draw windows whose joints can be hidden and are known, evenly from all people and views.

    In half of the frames to be hidden, some joint of the parts must be seen, and before and
    after a gap as well.

    Args:
        poses: Of the people.
        trial: What will be hidden.
        count: Windows of each person and view; fewer where there are not so many.
        seed: Same seed, same windows.

    Raises:
        SettingError: If there is no such window.
    """
    generator = torch.Generator().manual_seed(seed)
    starts = _starts(poses, trial)
    starts = starts[_usable(poses, trial, starts)]
    clip = torch.searchsorted(poses.clips[:, 0].contiguous(), starts, right=True) - 1
    groups: dict[tuple[str, str], list[int]] = {}
    for row in torch.randperm(len(starts), generator=generator).tolist():
        i = int(clip[row])
        groups.setdefault((poses.people[i], poses.views[i]), []).append(row)
    rows = torch.tensor([r for key in sorted(groups) for r in sorted(groups[key][:count])]).long()
    if not len(rows):
        raise SettingError(
            f"trial {trial.name!r} needs windows of {trial.length} frames that show what it "
            f"hides, but {', '.join(sorted(set(poses.people))) or 'nobody'} has none"
        )
    start, clip = starts[rows], clip[rows]
    frames = start[:, None] + torch.arange(trial.length)
    return Windows(
        clean=PoseBatch.from_keypoints(poses.keypoints[frames], fps=poses.fps),
        clip=clip,
        start=start,
        person=tuple(poses.people[i] for i in clip.tolist()),
        view=tuple(poses.views[i] for i in clip.tolist()),
    )


def remember(windows: Windows, others: PoseSet) -> Windows:
    """Return the windows with a memory of their people: mean places in other recordings.

    Args:
        windows: Whose people are remembered, view by view.
        others: Recordings through the same cameras; none that the windows are from. Of people who
            are not in it nothing is remembered.
    """
    means, counts = {}, {}
    for key in set(zip(windows.person, windows.view, strict=True)):
        pairs = zip(others.people, others.views, strict=True)
        points = others.select([i for i, pair in enumerate(pairs) if pair == key]).keypoints
        seen = points.isfinite().all(dim=-1)
        counts[key] = seen.sum(dim=0).float()
        total = torch.where(seen[..., None], points, 0.0).sum(dim=0)
        means[key] = total / counts[key].clamp_min(1)[:, None]
    keys = list(zip(windows.person, windows.view, strict=True))
    memory = Memory(
        mean=torch.stack([means[key] for key in keys]),
        count=torch.stack([counts[key] for key in keys]),
    )
    return replace(windows, clean=replace(windows.clean, memory=memory))


def _starts(poses: PoseSet, trial: Trial) -> Tensor:
    return poses.starts(trial.length, max(1, trial.length // 8))


def _usable(poses: PoseSet, trial: Trial, starts: Tensor) -> Tensor:
    seen = poses.keypoints.isfinite().all(dim=-1)
    total = torch.cat([torch.zeros(1, 33, dtype=torch.int64), seen.long().cumsum(dim=0)])

    def count(low: int, high: int) -> Tensor:
        found: Tensor = total[starts + high] - total[starts + low]
        return found

    place = trial.place
    enough = count(place.start, place.stop) * 2 >= place.stop - place.start
    if trial.gap is not None:
        enough &= (count(0, place.start) > 0) & (count(place.stop, trial.length) > 0)
    mask = trial.joints()
    rest = count(0, trial.length) > 0
    if trial.gap is None and trial.parts:
        rest = rest & ~mask
    usable: Tensor = (enough & mask).any(dim=1) & (rest.sum(dim=1) >= 2 + trial.drawn)
    return usable
