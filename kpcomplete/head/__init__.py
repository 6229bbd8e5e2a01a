"""What the occupants of a car are and do: several tasks on one encoder."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from kpcomplete.batch import PoseBatch
from kpcomplete.pose import Array, PoseSequence

UNKNOWN = "unknown"
"""Last class of every task: too little is seen to say."""


@runtime_checkable
class Watch(Protocol):
    """Classifies the people of one recording as its frames pass."""

    def __call__(self, people: Mapping[str, PoseSequence], /) -> dict[str, dict[str, Array]]:
        """Return seat and task to probabilities ``[T, C]`` of the next frames.

        Args:
            people: Seat to the next frames, in pixels, as far as the detector is believed.
        """
        ...


@runtime_checkable
class Head(Protocol):
    """Says to which class of each task a person belongs, from the past alone.

    Attributes:
        tasks: Name of a task to the names of its classes, `UNKNOWN` last.
    """

    tasks: Mapping[str, tuple[str, ...]]

    def watch(self) -> Watch:
        """Return what follows a new recording."""
        ...


@runtime_checkable
class Streaming(Protocol):
    """A head with a live form that need not look at a whole window for each frame."""

    def stream(self) -> Watch | None:
        """Return what follows a new recording frame by frame; None if there is no such form."""


@runtime_checkable
class Prepares(Protocol):
    """What follows a recording, and can take a frame before it is asked about it."""

    def prepare(self, people: Mapping[str, PoseSequence], /) -> None:
        """Take what the next call will be given."""


@runtime_checkable
class Faces(Protocol):
    """A head that may have to be shown people as `kpcomplete.frontal` sees them.

    Attributes:
        frontal: Whether it has; that needs a camera whose place in the car is known.
    """

    @property
    def frontal(self) -> bool: ...


@runtime_checkable
class Explains(Protocol):
    """A head that can say which joints carry a decision.

    Attributes:
        past: Frames of a window.
    """

    @property
    def past(self) -> int: ...

    def carried(self, window: PoseBatch, task: str, answer: str) -> Array:
        """Return by how much the log odds of a class fall without each joint's part ``[J]``.

        Args:
            window: A single one, in image widths.
            task: Of the head.
            answer: Class of the task, not `UNKNOWN`.
        """
        ...
