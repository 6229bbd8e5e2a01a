"""How 2D joints become 3D."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from kpcomplete.lifter.sight import Sight


@dataclass(frozen=True, kw_only=True, eq=False)
class Lifted:
    """B windows of T frames in the camera's frame: x right, y down, z ahead, metres.

    Attributes:
        points: Where joints are, with the place of the whole person found by reprojection. The
            root, from which errors and shapes are counted, is the middle of the shoulders.
        std: Standard deviation in each direction of a joint's place relative to the root.
    """

    points: Float[Tensor, "batch time joint 3"]
    std: Float[Tensor, "batch time joint"]


@runtime_checkable
class Lifter(Protocol):
    """Finds the third dimension of completed joints.

    Takes what the camera sees, joint by joint, canonical skeleton, with what is known of their
    places in the image (see `kpcomplete.lifter.sight`). All 33 are returned: joints that are not
    given are guessed, or NaN if a lifter cannot. Windows do not depend on each other. Where a
    joint is not given, its value has no influence.

    ``causal`` says that a frame's 3D never depends on later frames of its window.
    """

    causal: bool

    def __call__(self, sight: Sight, /) -> Lifted: ...


@runtime_checkable
class Stream(Protocol):
    """Lifts people live: each frame once, in the order in which they come.

    Takes the next frame of each person, ``[P, 1, J]``, and the people's names. People who are not
    named are forgotten, and do not depend on each other.
    """

    def __call__(self, sight: Sight, people: Sequence[str], /) -> Lifted: ...


@runtime_checkable
class Streaming(Protocol):
    """A lifter with a live form that need not look at a whole window for each frame."""

    def stream(self, window: int) -> Stream | None:
        """Return it for one recording; None if there is none with these settings.

        Args:
            window: Frames, this one included, after which a person's size is forgotten.
        """
