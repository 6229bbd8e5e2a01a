"""Let a thread work ahead of whoever uses its results."""

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


class _End:
    """Stands behind the last item; holds what went wrong, if anything did."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def prefetch(items: Iterable[Item], size: int) -> Iterator[Item]:
    """Yield items in order, produced by a thread of its own that is ahead by ``size`` at most.

    An error of the thread is raised here. Whoever stops early stops the thread as well.
    """
    held: queue.Queue[Item | _End] = queue.Queue(size)
    stopped = threading.Event()

    def offer(item: Item | _End) -> None:
        while not stopped.is_set():
            try:
                held.put(item, timeout=0.1)
            except queue.Full:
                continue
            return

    def work() -> None:
        iterator = iter(items)
        error: BaseException | None = None
        try:
            while not stopped.is_set():
                try:
                    offer(next(iterator))
                except StopIteration:
                    break
        except BaseException as raised:  # whatever it is, the other thread is to raise it
            error = raised
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()
            offer(_End(error))

    thread = threading.Thread(target=work, name="kpcomplete-prefetch")
    thread.start()
    try:
        while True:
            item = held.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stopped.set()
        thread.join()
