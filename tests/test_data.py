from pathlib import Path

import numpy as np
import pytest
import torch

from kpcomplete import normalize
from kpcomplete.batch import PoseBatch
from kpcomplete.data import Data, PoseSet
from kpcomplete.data.pooled import Pooled
from kpcomplete.data.sktdd import SktDD
from kpcomplete.errors import SettingError, ShapeError, SourceError
from kpcomplete.skeleton import Skeleton

SHARED = Path(__file__).parents[2] / "shared" / "data"
SKELETON = Skeleton.load("blazepose33")


def clips(*lengths, people=None, fps=30.0):
    generator = torch.Generator().manual_seed(0)
    return PoseSet.from_clips(
        [100 * torch.rand(length, 33, 2, generator=generator) for length in lengths],
        people=people or [f"p{i}" for i in range(len(lengths))],
        views=["mirror"] * len(lengths),
        fps=fps,
    )


def test_windows_never_cross_clips():
    data = clips(10, 3, 7)
    assert data.starts(4, 3).tolist() == [0, 3, 6, 13, 16]  # the clip of 3 gives none
    assert len(clips(3).starts(4, 1)) == 0


def test_windows_are_in_body_units_of_what_they_see():
    data = clips(8)
    window = data.windows(8, 8)
    pixels = PoseBatch.from_keypoints(data.keypoints[None])
    expected = normalize.fit(pixels).into_body(pixels)
    torch.testing.assert_close(window.keypoints, expected.keypoints)
    torch.testing.assert_close(window.times[0], torch.arange(8) / 30)


def test_a_window_without_two_joints_is_left_out():
    data = clips(4, 4)
    data.keypoints[:4, 1:] = torch.nan
    assert len(data.windows(4, 4)) == 1


def test_split_is_by_person():
    data = clips(2, 3, 4, people=["a", "b", "a"])
    train, test = data.split(["b"])
    assert (train.people, test.people) == (("a", "a"), ("b",))
    assert train.clips.tolist() == [[0, 2], [2, 4]]
    torch.testing.assert_close(train.keypoints, data.keypoints[[0, 1, 5, 6, 7, 8]])
    torch.testing.assert_close(test.keypoints, data.keypoints[2:5])
    with pytest.raises(SettingError, match=r"nobody is called 'c'; there are a, b"):
        data.split(["c"])


def test_mirrored_exchanges_left_and_right():
    data = clips(2)
    turned = data.mirrored()
    left, right = SKELETON.indices(["left_wrist", "right_wrist"])
    expected = data.keypoints[:, left] * torch.tensor([-1, 1])
    torch.testing.assert_close(turned.keypoints[:, right], expected)
    torch.testing.assert_close(turned.mirrored().keypoints, data.keypoints)


def test_pooling_keeps_clips_people_and_labels():
    class Stored:
        def __init__(self, data):
            self.data = data

        def load(self):
            return self.data

    assert isinstance(Stored(None), Data)
    pool = Pooled(parts={"x": Stored(clips(2)), "y": Stored(clips(3))}, mirrored=True).load()
    assert pool.clips.tolist() == [[0, 2], [2, 3], [5, 2], [7, 3]]
    assert pool.people == ("p0", "p0", "p0", "p0")
    assert pool.labels.tolist() == [-1] * 10
    with pytest.raises(SettingError, match=r"one frame rate to be pooled, but have \[25.0, 30.0\]"):
        PoseSet.concatenate([clips(2), clips(2, fps=25.0)])


def test_clips_must_fill_the_frames():
    with pytest.raises(ShapeError, match="fill 3 frames, but they hold 2"):
        PoseSet(
            keypoints=torch.zeros(3, 33, 2), labels=torch.zeros(3, dtype=torch.int64),
            clips=torch.tensor([[0, 2]]), people=("a",), views=("b",), fps=30.0,
        )  # fmt: skip
    with pytest.raises(ShapeError, match=r"1 clips of 3 frames .* but got \(2, 1, 3\)"):
        PoseSet.from_clips([torch.zeros(3, 33, 2)], people=["a", "b"], views=["c"], fps=30.0)


# -- sktDD ---------------------------------------------------------------------------------------


def write_sktdd(root, rows, part="training", name="004-02"):
    folder = root / "original_sktDD" / part / "trajectories" / name
    folder.mkdir(parents=True)
    header = "FrameNumber,PersonID," + ",".join(f"x{i},y{i}" for i in range(25))
    lines = [",".join(map(str, row)) for row in rows]
    (folder / "00001.csv").write_text("\n".join([header, *lines]) + "\n")
    return root


def sktdd_row(frame, view=1, **joints):
    points = np.zeros((25, 2))
    for name, value in joints.items():
        points[Skeleton.load("body25").index(name)] = value
    return [frame, view, *points.ravel()]


def test_sktdd_maps_by_name_and_fills_left_out_frames(tmp_path):
    rows = [
        sktdd_row(5, nose=(1, 2), left_big_toe=(3, 4), neck=(9, 9)),
        sktdd_row(5, nose=(7, 7)),  # a repeated frame number is dropped
        sktdd_row(7, right_wrist=(5, 6)),
    ]
    data = SktDD(root=str(write_sktdd(tmp_path, rows)), parts=["training"]).load()
    assert (data.people, data.views, len(data.keypoints)) == (("sktdd_004",), ("side",), 3)
    expected = torch.full((3, 33, 2), torch.nan)
    expected[0, SKELETON.index("nose")] = torch.tensor([1.0, 2.0])
    expected[0, SKELETON.index("left_foot_index")] = torch.tensor([3.0, 4.0])
    expected[2, SKELETON.index("right_wrist")] = torch.tensor([5.0, 6.0])
    torch.testing.assert_close(data.keypoints, expected, equal_nan=True)
    assert data.labels.tolist() == [0, 0, 0]


def test_sktdd_labels_its_test_recordings(tmp_path):
    rows = [sktdd_row(0, nose=(1, 2)), sktdd_row(2, nose=(1, 2))]
    write_sktdd(tmp_path, rows, part="testing")
    folder = tmp_path / "original_sktDD" / "testing" / "test_frame_mask"
    data = SktDD(root=str(tmp_path), parts=["testing"])
    with pytest.raises(SourceError, match=r"004_02.npy should say which frames are distracted"):
        data.load()
    folder.mkdir()
    np.save(folder / "004_02.npy", np.array([0, 1, 1]))
    assert data.load().labels.tolist() == [0, 1, 1]
    np.save(folder / "004_02.npy", np.array([0, 1]))
    with pytest.raises(SourceError, match=r"should label 3 frames, but has shape \(2,\)"):
        data.load()


def test_sktdd_says_what_is_wrong(tmp_path):
    with pytest.raises(SourceError, match=r"should hold sktDD's DDD-CC/00001.csv"):
        SktDD(root=str(tmp_path)).load()
    write_sktdd(tmp_path, [[0, 0, 1.0]])
    with pytest.raises(SourceError, match=r"should have 52 columns .* holds 3 numbers in 1 rows"):
        SktDD(root=str(tmp_path), parts=["training"]).load()
    write_sktdd(tmp_path / "b", [sktdd_row(0, view=0), sktdd_row(1, view=2)])
    with pytest.raises(SourceError, match=r"one view of 0, 1, 2, but shows \[0, 2\]"):
        SktDD(root=str(tmp_path / "b"), parts=["training"]).load()
    with pytest.raises(SettingError, match="sktDD has no view 'roof'"):
        SktDD(root=str(tmp_path), views=["roof"])


@pytest.mark.slow
def test_sktdd_as_published():
    if not (SHARED / "sktdd").is_dir():
        pytest.skip("needs ../shared/data/sktdd")
    data = SktDD(root=str(SHARED / "sktdd")).load()
    assert len(data) == 399
    assert len(set(data.people)) == 7
    assert {v: data.views.count(v) for v in data.views} == dict.fromkeys(
        ("mirror", "side", "dashboard"), 133
    )
    mirror = data.select([i for i, view in enumerate(data.views) if view == "mirror"])
    seen = torch.isfinite(mirror.keypoints[mirror.labels == 0]).all(dim=-1).float().mean(dim=0)
    assert seen[SKELETON.indices(["left_shoulder", "right_shoulder"])].min() > 0.99
