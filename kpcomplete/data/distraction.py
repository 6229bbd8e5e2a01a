"""Labelled drivers: normal or distracted, as sktDD says."""

from dataclasses import dataclass, replace

from kpcomplete.data.labelled import LabelledSet
from kpcomplete.data.sktdd import SktDD

WIDTH = 1920.0  # pixels; not stated by its authors, but no joint lies beyond
TASKS = {"attention": ("normal", "distracted")}


@dataclass(frozen=True, kw_only=True)
class Distraction:
    """The recordings of sktDD in which normal and distracted driving are mixed.

    Args:
        root: Folder that holds ``original_sktDD/``.
        views: As for `kpcomplete.data.sktdd.SktDD`.
    """

    root: str
    views: tuple[str, ...] | list[str] = ("mirror",)

    def load(self) -> LabelledSet:
        """Return the labelled poses."""
        poses = SktDD(root=self.root, parts=["testing"], views=self.views).load()
        poses = replace(poses, keypoints=poses.keypoints / WIDTH)
        return LabelledSet(poses=poses, tasks=TASKS, targets={"attention": poses.labels})
