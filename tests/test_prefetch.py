import threading
import time

import pytest

from kpcomplete.prefetch import prefetch


def threads():
    return [t.name for t in threading.enumerate() if "prefetch" in t.name]


@pytest.mark.parametrize("length", [0, 1, 7, 50])
def test_everything_comes_in_order_and_no_thread_is_left(length):
    assert list(prefetch(iter(range(length)), 3)) == list(range(length))
    assert not threads()


def test_the_thread_is_ahead_by_no_more_than_its_size():
    made = []

    def source():
        for i in range(50):
            made.append(i)
            yield i

    items = prefetch(source(), 3)
    next(items)
    time.sleep(0.3)
    assert len(made) <= 1 + 3 + 1  # given, waiting, and one in the hand
    items.close()
    assert not threads()


def test_an_error_comes_after_what_was_made_before_it():
    def source():
        yield 1
        raise OSError("broken")

    items = prefetch(source(), 3)
    assert next(items) == 1
    with pytest.raises(OSError, match="broken"):
        next(items)
    assert not threads()


def test_stopping_early_closes_the_source():
    closed = []

    def source():
        try:
            while True:
                yield 0
        finally:
            closed.append(True)

    items = prefetch(source(), 2)
    next(items)
    items.close()
    assert closed == [True]
    assert not threads()
