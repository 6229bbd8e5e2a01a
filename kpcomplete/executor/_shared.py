"""What executors with workers have in common."""

from collections.abc import Iterator

from kpcomplete.backlog import Finished
from kpcomplete.errors import KpcompleteError, SettingError, WorkerError


def check(workers: int | str, cores: int | None, timeout: float | None) -> None:
    """Check the settings.

    Raises:
        SettingError: If one cannot be.
    """
    if workers != "auto" and not (isinstance(workers, int) and workers >= 1):
        raise SettingError(f"workers must be auto or at least 1, but is {workers!r}")
    if cores is not None and cores < 1:
        raise SettingError(f"cores of a worker must be at least 1, or null, but are {cores}")
    if timeout is not None and not timeout > 0:
        raise SettingError(f"timeout must be above 0 s, or null, but is {timeout}")


def some(finished: Finished | None) -> Iterator[Finished]:
    """Yield what there is."""
    if finished is not None:
        yield finished


def meant(error: BaseException) -> KpcompleteError:
    """Return an error that can travel: the one that was meant for the user, if there is one."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, KpcompleteError):
            return found
        found = found.__cause__ or found.__context__
    return WorkerError(f"a worker cannot start: {type(error).__name__}: {error}")
