"""Who does the tasks of a batch."""

from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

from kpcomplete.backlog import Backlog, Finished, Outcome, Task

Work = Callable[[Task], Outcome]
"""What does a task. It never raises, but its process may die."""


@runtime_checkable
class Executor(Protocol):
    """Does all tasks of a backlog, and yields recordings as they are finished.

    Leaving the iteration stops all work.
    """

    def __call__(self, make: Callable[[], Work], backlog: Backlog, /) -> Iterator[Finished]:
        """Do the tasks.

        Args:
            make: Makes a worker, with its models, once in each process. It must be picklable
                unless all is done in this process.
            backlog: What is to be done.

        Raises:
            KpcompleteError: If no worker can be made, as with a wrong setting.
        """
        ...
