"""One task after the other, in this process."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kpcomplete.backlog import Backlog, Finished
from kpcomplete.errors import SettingError
from kpcomplete.executor import Work


@dataclass(frozen=True, kw_only=True)
class Serial:
    """Does all here, with all cores for one recording.

    A recording that brings the process down takes the batch down with it; the next run goes on
    after what was finished.

    Args:
        timeout: Must be None: nobody is there to stop a recording that hangs.

    Raises:
        SettingError: If there is a timeout.
    """

    timeout: float | None = None

    def __post_init__(self) -> None:
        if self.timeout is not None:
            raise SettingError(
                f"timeout={self.timeout} needs worker processes: choose executor=local or ray"
            )

    def __call__(self, make: Callable[[], Work], backlog: Backlog, /) -> Iterator[Finished]:
        """Do the tasks in order."""
        work = make()
        while (task := backlog.take()) is not None:
            finished = backlog.finish(task, work(task))
            if finished is not None:
                yield finished
