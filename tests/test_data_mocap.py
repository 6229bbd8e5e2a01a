from dataclasses import replace

import numpy as np
import pytest
import torch

from kpcomplete.data.mocap import Mocap
from kpcomplete.data.projection import CameraRange, body_axes, project
from kpcomplete.errors import SettingError, SourceError
from kpcomplete.skeleton import Skeleton

SKELETON = Skeleton.load("blazepose33")
FRONT = CameraRange(
    name="front", azimuth=(0, 0), elevation=(0, 0), distance=(2, 2), field_of_view=(90, 90),
    aim=(0, 0), roll=(0, 0), image_size=(1000, 800),
)  # fmt: skip


def person():
    """A person at the world's origin who faces +z: its left is +x in a Y-up world."""
    points = torch.full((1, 33, 3), torch.nan)
    places = SKELETON.indices(["left_shoulder", "right_shoulder", "left_wrist"])
    points[0, places] = torch.tensor([[0.2, 0.0, 0.0], [-0.2, 0.0, 0.0], [0.2, -0.5, 1.0]])
    return points, places


def axes(points, places):
    return body_axes(points[:, places[0]], points[:, places[1]])


def test_projection_of_a_frontal_view_by_hand():
    points, places = person()
    torch.testing.assert_close(axes(points, places)[0], torch.eye(3))
    out = project(
        points, torch.zeros(1, dtype=torch.int64), torch.zeros(1, 3), axes(points, places), FRONT,
        torch.Generator().manual_seed(0),
    )  # fmt: skip
    # focal = 500 px; the left of who faces us is to our right; a wrist 1 m away at half the depth
    expected = torch.tensor([[550.0, 400.0], [450.0, 400.0], [600.0, 650.0]])
    torch.testing.assert_close(out[0, places], expected)
    assert out.isnan().all(dim=-1).sum() == 30


def test_cameras_keep_everyone_in_front():
    points, places = person()
    points[0, places[2], 2] = 2.5  # a hand behind the camera
    out = project(
        points, torch.zeros(1, dtype=torch.int64), torch.zeros(1, 3), axes(points, places), FRONT,
        torch.Generator().manual_seed(0), nearest=0.5,
    )  # fmt: skip
    # moved back by 1 m, so the hand is 0.5 m and the shoulders are 3 m away
    torch.testing.assert_close(out[0, places[2]], torch.tensor([700.0, 900.0]))
    torch.testing.assert_close(out[0, places[0]], torch.tensor([500 + 100 / 3, 400.0]))


def test_a_camera_range_must_rise():
    with pytest.raises(SettingError, match="azimuth of camera 'x' must rise, but is 3, 2"):
        CameraRange(name="x", azimuth=(3, 2), elevation=(0, 0), distance=(1, 1))
    with pytest.raises(SettingError, match="camera 'x' needs a distance > 0"):
        CameraRange(name="x", azimuth=(0, 0), elevation=(0, 0), distance=(0, 1))


def write_mocap(path, **changes):
    generator = np.random.default_rng(0)
    joints = 0.03 * generator.normal(size=(5, 3, 3)).astype(np.float16)
    joints[:, :, 1] = 0
    values = {
        "joints": joints, "root": np.zeros((5, 3), np.float32), "clip_frames": np.array([2, 3]),
        "subject": np.array(["a", "b"]), "joint_names": np.array(["l", "r", "top"]), "fps": 30.0,
    } | changes  # fmt: skip
    np.savez(path, **values)
    return str(path)


def test_mocap_is_seen_once_by_each_camera(tmp_path):
    data = Mocap(
        file=write_mocap(tmp_path / "m.npz"), cameras=[FRONT, FRONT],
        joints={"left_shoulder": ["l"], "right_shoulder": ["r"], "nose": ["top", "l"]},
    )  # fmt: skip
    points, lengths, people, fps = data.read()
    raw = np.load(tmp_path / "m.npz")["joints"].astype(np.float32)
    np.testing.assert_allclose(points[:, 0].numpy(), (raw[:, 2] + raw[:, 0]) / 2)
    assert (lengths.tolist(), people, fps) == ([2, 3], ("a", "b"), 30.0)
    poses = data.load()
    assert poses.people == ("a", "b", "a", "b")
    assert torch.isfinite(poses.keypoints[:, SKELETON.indices(data.joints)]).all()
    assert poses.keypoints.isnan().all(dim=-1).sum(dim=1).tolist() == [30] * 10
    twice = replace(data, cameras=[FRONT], draws=2).load()  # the same draws
    torch.testing.assert_close(twice.keypoints, poses.keypoints, equal_nan=True)
    again = data.load()
    torch.testing.assert_close(again.keypoints, poses.keypoints, equal_nan=True)


def test_where_a_joint_jumps_a_new_clip_begins(tmp_path):
    joints = np.zeros((8, 3, 3), np.float16)
    joints[:1, 2, 0], joints[4:, 1, 1] = 1.0, 0.6  # the first frame of a, and in the middle of b
    file = write_mocap(
        tmp_path / "m.npz", joints=joints, root=np.zeros((8, 3), np.float32),
        clip_frames=np.array([3, 5]),
    )  # fmt: skip
    data = Mocap(
        file=file, cameras=[FRONT], joints={"left_shoulder": ["l"], "right_shoulder": ["r"]}
    )
    _, lengths, people, _ = data.read()
    assert lengths.tolist() == [1, 2, 1, 4]
    assert people == ("a", "a", "b", "b")
    joints[:, :, 2] = np.arange(8)[:, None] * 0.4  # 12 m a second: that fast people are
    write_mocap(tmp_path / "m.npz", joints=0 * joints + joints[:, :, 2:] * [0, 0, 1],
                root=np.zeros((8, 3), np.float32), clip_frames=np.array([3, 5]))  # fmt: skip
    assert data.read()[1].tolist() == [3, 5]


def test_mocap_says_what_is_wrong(tmp_path):
    joints = {"left_shoulder": ["l"], "right_shoulder": ["r"]}
    file = tmp_path / "m.npz"
    with pytest.raises(SourceError, match=r"m.npz should be an .npz with joints, root"):
        Mocap(file=str(file), joints=joints, cameras=[FRONT]).load()
    write_mocap(file, clip_frames=np.array([2, 2]))
    with pytest.raises(SourceError, match=r"fill 5 frames .* but has 4 frames in 2 clips"):
        Mocap(file=str(file), joints=joints, cameras=[FRONT]).load()
    with pytest.raises(SourceError, match="has no joint 'q'; it has"):
        Mocap(file=str(file), joints=joints | {"nose": ["q"]}, cameras=[FRONT]).load()
    with pytest.raises(SettingError, match="needs a camera, one draw of it and both shoulders"):
        Mocap(file=str(file), joints={"left_shoulder": ["l"]}, cameras=[FRONT])
