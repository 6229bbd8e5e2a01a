import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpcomplete.errors import SettingError
from kpcomplete.frame import Frame
from kpcomplete.window import Window

windows = st.builds(Window, past=st.integers(0, 9), hop=st.integers(1, 9),
                    future=st.integers(0, 9))  # fmt: skip


def stream(length):
    return [Frame(index=i, time=i / 30) for i in range(length)]


@given(window=windows, length=st.integers(0, 40))
def test_every_frame_is_emitted_exactly_once(window, length):
    views = window.slide(stream(length))
    assert [f.index for v in views for f in v.frames[v.emit]] == list(range(length))


@given(window=windows, length=st.integers(0, 40))
def test_each_frame_sees_the_past_and_future_it_was_promised(window, length):
    for view in window.slide(stream(length)):
        first, last = view.frames[0].index, view.frames[-1].index
        emitted = view.frames[view.emit]
        assert first == max(0, emitted[0].index - window.past)
        assert last >= min(length - 1, emitted[-1].index + window.future)
        assert len(view.frames) <= window.past + window.hop + window.future


@given(window=windows, length=st.integers(0, 40))
def test_no_frame_waits_longer_than_the_delay(window, length):
    pulled = -1

    def counted():
        nonlocal pulled
        for frame in stream(length):
            pulled = frame.index
            yield frame

    for view in window.slide(counted()):
        assert pulled - view.frames[view.emit][0].index <= window.delay


@pytest.mark.parametrize("wrong", [{"past": -1}, {"hop": 0}, {"future": -2}])
def test_impossible_windows(wrong):
    with pytest.raises(SettingError, match="but got past="):
        Window(**({"past": 1, "hop": 1, "future": 1} | wrong))


def test_images_are_let_go_of_when_they_were_given_on():
    image = np.zeros((2, 2, 3), np.uint8)
    shown = [Frame(index=i, time=i / 30, image=image) for i in range(20)]
    for view in Window(past=5, hop=2, future=3).slide(shown):
        given = [f.image is not None for f in view.frames]
        assert given == [i >= view.emit.start for i in range(len(given))]
