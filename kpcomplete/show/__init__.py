"""What there is to look at: a row of scenes, and ways to see them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from kpcomplete.pose import Array
from kpcomplete.scene.parts import Scene
from kpcomplete.scene.view import View


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """A stretch of a show.

    Attributes:
        name: For a line of text.
        start: First moment.
    """

    name: str
    start: int


@runtime_checkable
class Show(Protocol):
    """Makes the scene of any moment, at any time and as often as wanted.

    Attributes:
        title: Of the whole.
        fps: Moments a second at usual speed.
        variants: Ways to see the same; there is one at least.
        layers: What can be left out of a scene, by the names of its meshes and pictures.
        seats: The layers that are people.
        views: Name to a place to look from, the usual one first.
        chapters: Stretches, in order; () if it is all one.
    """

    title: str
    fps: float
    variants: Sequence[str]
    layers: Sequence[str]
    seats: Sequence[str]
    views: Mapping[str, View]
    chapters: Sequence[Chapter]

    def __len__(self) -> int:
        """Moments."""
        ...

    def scene(self, moment: int, variant: str) -> Scene:
        """Return what is there, all layers."""
        ...

    def pick(self, eye: Array, direction: Array, moment: int, variant: str) -> int | None:
        """Return the moment that a ray through the scene points at; None if at none."""
        ...
