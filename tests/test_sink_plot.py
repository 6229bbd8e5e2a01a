"""The picture of joints over time."""

import os
from dataclasses import replace

import cv2
import made
import numpy as np
import pytest
from matplotlib.figure import Figure

from kpcomplete.errors import OutputError, SettingError, SkeletonError
from kpcomplete.sink._curves import Track, _binned, _runs, figure
from kpcomplete.sink.plot import Plot


def written(path, people, **settings):
    with Plot(path=path, **settings) as sink:
        if people:
            for result in made.results(people):
                sink.write(result)
    return cv2.imread(os.fspath(path))


def track(state, **changes):
    value = np.arange(len(state), dtype=np.float32)
    state = np.array(state, dtype=np.float32)
    values = np.stack([value, value * 2, 0 * value + 1, 0 * value + 2, state], axis=-1)
    values[state == 0, :4] = np.nan
    return Track(
        **({"seat": "driver", "joint": "nose", "times": value / 10, "values": values} | changes)
    )


def curves(drawing, axis=0):
    return {line.get_label(): line for line in drawing.axes[axis].lines}


def test_seen_completed_and_missing_are_told_apart():
    drawing = figure([track([2, 2, 1, 1, 0, 2])], name="ride")
    nan = np.nan
    lines = curves(drawing)
    np.testing.assert_array_equal(lines["seen"].get_ydata(), [0, 1, nan, nan, nan, 5])
    np.testing.assert_array_equal(lines["completed"].get_ydata(), [nan, nan, 2, 3, nan, nan])
    np.testing.assert_array_equal(curves(drawing, 1)["completed"].get_ydata()[2:4], [4, 6])
    band = next(c for c in drawing.axes[0].collections if c.get_label() == "± 2 std")
    ys = np.concatenate([path.vertices[:, 1] for path in band.get_paths()])
    assert (ys.min(), ys.max()) == (0, 5)  # 2 - 2 and 3 + 2


def test_long_recordings_are_thinned_but_lose_no_short_gap():
    state = np.full(100_000, 2)
    state[54_321] = 1
    drawing = figure([track(state)], name="ride")
    lines = curves(drawing)
    assert len(lines["seen"].get_ydata()) < 3000
    assert np.nanmax(lines["seen"].get_ydata()) == 99_999
    assert np.nanmax(lines["completed"].get_ydata()) == 54_321


def test_bins_ignore_what_is_missing():
    low, high = _binned(np.array([1, np.nan, np.nan, np.nan, 5]), 2)
    np.testing.assert_array_equal(low, [1, np.nan, 5])
    np.testing.assert_array_equal(high, [1, np.nan, 5])


def test_stretches_are_found():
    flags = np.array([True, False, True, True])
    starts, lengths = _runs(flags, np.array([0.0, 1, 2, 3]), np.ones(4))
    np.testing.assert_array_equal(starts, [0, 2])
    np.testing.assert_array_equal(lengths, [1, 2])


def test_an_empty_seat_takes_one_row(tmp_path):
    alone = written(tmp_path / "a.png", {"driver": made.driver(9)}, joints=["nose"])
    people = {"driver": made.driver(9), "codriver": made.nobody(9)}
    both = written(tmp_path / "b.png", people, joints=["nose"])
    assert 100 < both.shape[0] - alone.shape[0] < 150


@pytest.mark.parametrize("people", [{}, {"driver": made.nobody(1)}, {"driver": made.driver(1)}])
def test_short_and_empty_recordings_give_a_picture(tmp_path, people):
    picture = written(tmp_path / "a.png", people, joints=["nose"], source=made.Images())
    assert picture.std() > 1
    assert os.listdir(tmp_path) == ["a.png"]


def test_people_who_come_late_stand_at_their_time(tmp_path):
    late = made.driver(12)
    with Plot(path=tmp_path / "a.png", joints=["nose"]) as sink:
        for i, result in enumerate(made.results({"driver": late})):
            sink.write(result if i else replace(result, people={}))
        (nose,) = sink._tracks()
    np.testing.assert_array_equal(nose.values[:4, 4], 0)
    np.testing.assert_array_equal(nose.values[4:, 4], late.completed.visibility[4:, 0])


def test_more_people_than_fit_are_told_of():
    drawing = figure([track([2, 2])], name="drives/ride.mp4", left_out=3)
    assert drawing.get_suptitle() == "ride.mp4  (3 more people are not shown)"


def test_joints_that_are_none_are_refused(tmp_path):
    with pytest.raises(SkeletonError, match="has no joint 'tail'"):
        written(tmp_path / "a.png", {}, joints=["tail"])
    with pytest.raises(SettingError, match="must show joints, but got none"):
        Plot(path="a.png", joints=[])


def test_a_full_disk_or_an_interruption_leaves_no_file(tmp_path, monkeypatch):
    with pytest.raises(KeyboardInterrupt), Plot(path=tmp_path / "a.png"):
        raise KeyboardInterrupt
    monkeypatch.setattr(Figure, "savefig", made.full_disk)
    with pytest.raises(OutputError, match=r"cannot write .*a\.png: No space left"):
        written(tmp_path / "a.png", {"driver": made.driver(3)})
    assert os.listdir(tmp_path) == []
