"""How far a training is, and who is told."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kpcomplete.errors import MissingDependencyError

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        step: Steps done.
        seconds: Time spent training, over all parts of a resumed run.
        history: Figures now and then: ``step``, ``seconds``, those of the objective, and with
            ``validation_`` in front those on people who are not trained on.
    """

    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


def tensorboard(folder: str | None) -> "SummaryWriter | None":
    """Return what writes figures for TensorBoard into a folder; None for None.

    Raises:
        MissingDependencyError: If TensorBoard is not installed.
    """
    if folder is None:
        return None
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingDependencyError(
            "logging to TensorBoard needs it installed: pip install kpcomplete[tensorboard]"
        ) from error
    return SummaryWriter(folder)
