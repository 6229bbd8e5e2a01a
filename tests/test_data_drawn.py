from dataclasses import replace

import numpy as np
import pytest
import torch

from kpcomplete import staged
from kpcomplete.camera import Camera
from kpcomplete.data.drawn import Drawn
from kpcomplete.data.drawn_occupants import DrawnOccupants
from kpcomplete.data.occupants import OCCUPANTS, POSITIONS
from kpcomplete.data.solid import SolidSampler, mirrored
from kpcomplete.errors import SourceError
from kpcomplete.staged import Scene

EYE = Camera(width=640, height=480, fx=500.0, fy=480.0, cx=300.0, cy=250.0,
             distortion=(-0.1, 0.0, 0.0, 0.0))  # fmt: skip


def scene(name="1_000_driver", frames=6, fps=15.0):
    rng = np.random.default_rng(len(name) + ord(name[0]))
    solid = rng.uniform([-0.3, -0.4, 0.9], [0.3, 0.4, 1.3], (frames, 33, 3)).astype(np.float32)
    return Scene(
        person=name, seat="driver", camera="dash", fps=fps, image_size=(640, 480),
        keypoints=EYE.project(solid).astype(np.float32), confidence=np.ones((frames, 33)),
        truth=EYE.project(solid).astype(np.float32), visible=np.ones((frames, 33), bool),
        cause=np.zeros((frames, 33), np.uint8), solid=solid,
        world=np.zeros((frames, 33, 3), np.float32), posture=np.zeros(frames, np.uint8),
        occupant="adult_50", eye=EYE.as_dict(),
    )  # fmt: skip


def file_of(tmp_path, *scenes):
    path = tmp_path / "staged.safetensors"
    staged.write(path, scenes)
    return str(path)


def test_a_lens_is_taken_out(tmp_path):
    file = file_of(tmp_path, scene())
    batch = Drawn(files=[file]).read().see(torch.arange(4)[None], torch.Generator())
    expected = batch.solid[..., :2] / batch.solid[..., 2:] * batch.focal[:, None, None, None]
    torch.testing.assert_close(batch.keypoints, expected, atol=0.05, rtol=0)
    assert batch.observed.all()
    assert float(batch.times[0, 1] - batch.times[0, 0]) == pytest.approx(1 / 15)


def test_what_the_detector_doubts_is_missing(tmp_path):
    one = scene()
    one.confidence[:, 15] = 0.4
    data = Drawn(files=[file_of(tmp_path, one)])
    assert not data.read().see(torch.arange(6)[None], torch.Generator()).observed[..., 15].any()
    least = replace(data, min_confidence=0.3).read().see(torch.arange(6)[None], torch.Generator())
    assert least.observed.all()


def test_windows_stay_in_a_clip_and_people_in_a_part(tmp_path):
    file = file_of(tmp_path, scene("a"), scene("b", frames=9, fps=30.0))
    rest, held = Drawn(files=[file]).read().split(["b"])
    assert (rest.people, held.people) == (("a",), ("b",))
    assert held.see(torch.arange(8, 12)[None], torch.Generator()).times[0, 1] == pytest.approx(
        1 / 30
    )
    sampler = SolidSampler(sets={"drawn": held}, shares={"drawn": 1.0}, lengths=[4])
    batch = sampler.draw(8, torch.Generator().manual_seed(0))
    known = {tuple(p) for p in held.solid[6:, 0, 1:].tolist()}
    assert {tuple(p) for p in batch.solid[:, :, 0, 1:].flatten(0, 1).tolist()} <= known


def test_a_mirror_shows_the_same_errors(tmp_path):
    one = scene()
    one.keypoints[:, 15] += 20.0
    batch = (
        Drawn(files=[file_of(tmp_path, one)]).read().see(torch.arange(6)[None], torch.Generator())
    )
    other = mirrored(batch, torch.tensor([True]))
    torch.testing.assert_close(
        other.keypoints[:, :, 16], batch.keypoints[:, :, 15] * torch.tensor([-1.0, 1.0])
    )
    assert torch.equal(mirrored(other, torch.tensor([True])).keypoints, batch.keypoints)


def test_older_files_are_refused(tmp_path):
    with pytest.raises(SourceError, match="was written before"):
        Drawn(files=[file_of(tmp_path, replace(scene(), solid=None))]).read()


def test_classes_come_with_what_was_seen(tmp_path):
    one = scene("a", fps=30.0)
    one.posture[:] = [0, 0, 2, 2, 7, 7]
    one.confidence[2, 15] = 0.1
    data = DrawnOccupants(files=[file_of(tmp_path, one, scene("b"))]).load()
    assert data.poses.clips.tolist() == [[0, 3], [3, 6]]
    assert data.targets["position"][:3].tolist() == [0, POSITIONS.index("reclined"), -1]
    assert set(data.targets["occupant"].tolist()) == {OCCUPANTS.index("adult_50")}
    assert data.poses.keypoints[1, 15].isnan().all()
    torch.testing.assert_close(
        data.poses.keypoints[0], torch.from_numpy(one.keypoints[0] / np.float32(640))
    )


def test_other_frame_rates_and_older_files_are_refused(tmp_path):
    with pytest.raises(SourceError, match="multiples of 15, but there are 24 frames"):
        DrawnOccupants(files=[file_of(tmp_path, scene(fps=24.0))]).load()
    with pytest.raises(SourceError, match="was written before"):
        DrawnOccupants(files=[file_of(tmp_path, replace(scene(), posture=None))]).load()


def test_who_is_not_found_teaches_nothing(tmp_path):
    seen, lost = scene("a"), scene("b")
    lost.keypoints[:4] = np.nan  # of 6 frames
    file = file_of(tmp_path, seen, lost)
    assert Drawn(files=[file]).read().people == ("a", "b")
    assert Drawn(files=[file], found=0.3).read().people == ("a", "b")
    assert Drawn(files=[file], found=0.5).read().people == ("a",)
    with pytest.raises(SourceError, match="somebody who was found in 50% of the frames"):
        Drawn(files=[file_of(tmp_path, lost)], found=0.5).read()
