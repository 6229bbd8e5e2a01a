"""People in 3D as a lifter gets them."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from drawn_scenes import EYE, file_of, scene
from one_child import Detector, child_file

from kpcomplete.completer.hold import Hold
from kpcomplete.corruption.parts import Parts
from kpcomplete.data.solid import SolidSampler, SolidSource, mirrored
from kpcomplete.detected.clips import DetectedSet
from kpcomplete.detected.drawn import Drawn
from kpcomplete.detected.mending import Mending
from kpcomplete.detected.played import Played
from kpcomplete.errors import SourceError
from kpcomplete.gate.trust import Trust
from kpcomplete.lifter.sight import Sight
from kpcomplete.lifter.temporal import Temporal
from kpcomplete.objective.lift import Lift
from kpcomplete.pipeline import mend


class Doubt(Trust):
    """Doubts left wrists, whatever they do."""

    def __call__(self, batch, edges=None, last=None, /):
        doubt = super().__call__(batch, edges, last)
        doubt[..., 15] = 2.0
        return doubt


@dataclass(eq=False)
class Told(Hold):
    """Counts whom it completes."""

    people: int = field(default=0, init=False)

    def __call__(self, batch, /):
        self.people += len(batch)
        return super().__call__(batch)


def mending(**options):
    return Mending(**({"completer": Hold(), "live": Hold(), "live_share": 0.0} | options))


def drawn(*files, **options):
    return Drawn(files=files, roll=0.0, reverse=0.0, mending=mending(**options))


def see(data: DetectedSet, *frames, seed=0):
    return data.see(torch.tensor(frames), torch.Generator().manual_seed(seed))


def project(batch):
    return batch.solid[..., :2] / batch.solid[..., 2:] * batch.focal[:, None, None, None]


def test_a_lens_is_taken_out(tmp_path):
    batch = see(drawn(file_of(tmp_path, scene())).material(), range(4))
    torch.testing.assert_close(batch.keypoints, project(batch), atol=0.05, rtol=0)
    assert batch.observed.all()
    assert batch.ready.all()
    assert not batch.filled.any()
    assert float(batch.times[0, 1] - batch.times[0, 0]) == pytest.approx(1 / 15)


def test_what_is_doubted_is_filled_in_as_when_processed(tmp_path):
    one = scene()
    one.confidence[2:, 15] = 0.4
    one.keypoints[3:, 16] = np.nan
    batch = see(drawn(file_of(tmp_path, one)).material(), range(6))
    filled = torch.zeros(6, 33, dtype=torch.bool)
    filled[2:, 15] = filled[3:, 16] = True
    assert torch.equal(batch.filled[0], filled)
    assert batch.observed.all()
    assert torch.equal(batch.spread[0] > 0, filled)
    torch.testing.assert_close(batch.keypoints[0, 5, 15], batch.keypoints[0, 1, 15])
    # the objective leaves it alone, and the lifter gets what it gets in use
    learned = Lift(model=Temporal(width=16), corruption=Parts(parts=["arms"]), noise=1.0,
                   corrupted=1.0, completed=1.0, completer=Hold())  # fmt: skip
    got = learned.train().sight(batch)
    used = Sight.of(mend(one.poses(), Hold(), Trust()), EYE)
    assert torch.equal(got.seen, used.seen)
    assert torch.equal(got.given, used.given)
    torch.testing.assert_close(got.rays, used.rays, atol=1e-4, rtol=0)
    # drawn pixels are square in a pinhole of one focal length
    torch.testing.assert_close(got.std, used.std, rtol=0.03, atol=0)


def test_what_the_gate_doubts_or_the_detector_is_unsure_of_is_not_seen(tmp_path):
    one = scene()
    one.confidence[:, 16] = 0.4
    file = file_of(tmp_path, one)
    batch = see(drawn(file, gate=Doubt()).material(), range(6))
    assert not batch.observed[..., [15, 16]].any()  # never seen, so never held
    assert batch.observed[..., 17:].all()
    assert see(drawn(file, min_confidence=0.3).material(), range(6)).observed.all()


def test_some_are_completed_live(tmp_path):
    whole, live = Told(), Told()
    file = file_of(tmp_path, *(scene(f"{i}") for i in range(40)))
    drawn(file, completer=whole, live=live, live_share=0.3).material()
    assert whole.people + live.people == 40
    assert 4 <= live.people <= 20


def test_a_share_is_a_share():
    with pytest.raises(ValueError, match=r"live_share .*0\.\.1, but got 1\.5"):
        mending(live_share=1.5)


def test_windows_stay_in_a_clip_and_people_in_a_part(tmp_path):
    file = file_of(tmp_path, scene("a"), scene("b", frames=9, fps=30.0))
    rest, held = drawn(file).material().split(["b"])
    assert (rest.people, held.people) == (("a",), ("b",))
    assert see(held, range(8, 12)).times[0, 1] == pytest.approx(1 / 30)
    sampler = SolidSampler(sets={"drawn": held}, shares={"drawn": 1.0}, lengths=[4])
    batch = sampler.draw(8, torch.Generator().manual_seed(0))
    known = {tuple(p) for p in held.solid[6:, 0, 1:].tolist()}
    assert {tuple(p) for p in batch.solid[:, :, 0, 1:].flatten(0, 1).tolist()} <= known


def test_a_mirror_shows_the_same_errors(tmp_path):
    one = scene()
    one.keypoints[:, 15] += 20.0
    one.confidence[3:, 13] = 0.1
    batch = see(drawn(file_of(tmp_path, one)).material(), range(6))
    other = mirrored(batch, torch.tensor([True]))
    torch.testing.assert_close(
        other.keypoints[:, :, 16], batch.keypoints[:, :, 15] * torch.tensor([-1.0, 1.0])
    )
    assert torch.equal(other.filled[:, :, 14], batch.filled[:, :, 13])
    assert torch.equal(other.spread[:, :, 14], batch.spread[:, :, 13])
    again = mirrored(other, torch.tensor([True]))
    assert torch.equal(again.keypoints, batch.keypoints)
    assert torch.equal(again.filled, batch.filled)


def test_a_camera_that_is_turned_still_shows_the_same_person(tmp_path):
    plain = drawn(file_of(tmp_path, scene())).material()
    turned = replace(plain, roll=20.0)
    batch, before = see(turned, range(6), range(6)), see(plain, range(6), range(6))
    torch.testing.assert_close(batch.keypoints, project(batch), atol=0.05, rtol=0)
    torch.testing.assert_close(batch.solid[..., 2], before.solid[..., 2])
    torch.testing.assert_close(batch.solid.norm(dim=-1), before.solid.norm(dim=-1))
    apart = (batch.solid - before.solid)[..., 0].abs().amax(dim=(1, 2))
    assert (apart > 0.005).all()  # metres
    assert float(apart[0]) != pytest.approx(float(apart[1]), rel=0.01)


def test_a_camera_that_is_turned_knows_it(tmp_path):
    plain = drawn(file_of(tmp_path, scene())).material()
    assert not plain.mounting.any()  # nobody said where it is
    # a car whose frame is the camera's, a metre away
    place = torch.cat([torch.eye(3), torch.tensor([[0.0], [0.0], [1.0]])], dim=1)
    turned = replace(plain, roll=20.0, mounting=place[None])
    batch, before = see(turned, range(6)), see(plain, range(6))
    cabin = before.solid[0] - place[:, 3]
    seen = cabin @ batch.mounting[0, :, :3].mT + batch.mounting[0, :, 3]
    torch.testing.assert_close(seen, batch.solid[0])


def test_some_windows_are_seen_backwards(tmp_path):
    one = scene()
    one.confidence[4:, 15] = 0.1
    plain = drawn(file_of(tmp_path, one)).material()
    before = see(plain, range(6))
    back = see(replace(plain, reverse=1.0), range(6))
    for name in ("solid", "keypoints", "filled", "spread", "observed"):
        assert torch.equal(getattr(back, name), getattr(before, name).flip(1))
    assert torch.equal(back.times, before.times)
    some = see(replace(plain, reverse=0.5), *[range(6)] * 40)
    share = (some.filled[:, 0, 15]).float().mean()
    assert 0.25 < float(share) < 0.75


def test_who_is_not_found_teaches_nothing(tmp_path):
    shown, lost = scene("a"), scene("b")
    lost.keypoints[:4] = np.nan  # of 6 frames
    file = file_of(tmp_path, shown, lost)
    assert replace(drawn(file), found=0.3).material().people == ("a", "b")
    assert drawn(file).material().people == ("a",)
    with pytest.raises(SourceError, match="somebody who was found in 50% of the frames"):
        drawn(file_of(tmp_path, lost)).material()


def test_older_files_are_refused(tmp_path):
    with pytest.raises(SourceError, match="was written before"):
        drawn(file_of(tmp_path, replace(scene(), solid=None))).material()


def played(folder, **options):
    base = {"file": child_file(folder), "detector": Detector(), "mending": mending(),
            "steps": [1], "roll": 0.0, "reverse": 0.0}  # fmt: skip
    return Played(**(base | options))


def test_simulated_people_are_reported_as_the_detector_errs(tmp_path):
    data = played(tmp_path).material()
    assert isinstance(played(tmp_path), SolidSource)
    assert data.people == ("sim_0", "sim_0")
    assert data.clips.tolist() == [[0, 40], [40, 40]]
    batch = see(data, range(40))
    true = project(batch)
    near = [joint for joint in range(33) if joint not in (13, 14, 15)]
    torch.testing.assert_close(batch.keypoints[:, :, near], true[:, :, near], atol=0.05, rtol=0)
    off = (batch.keypoints - true).norm(dim=-1)
    torch.testing.assert_close(off[..., 14], 3 * off[..., 13], rtol=0.02, atol=0)
    assert not batch.observed[..., 15].any()  # outside, and never sure
    assert batch.observed[..., :15].all()


def test_views_can_be_left_out_and_frames_be_further_apart(tmp_path):
    half = played(tmp_path, detector=Detector(fps=15), every=2, steps=[2], frames=12).material()
    assert half.clips.tolist() == [[0, 12]]
    assert half.fps.tolist() == [15.0]


def test_a_file_of_nobody_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("kpcomplete.detected.played.takes", lambda file: iter(()))
    with pytest.raises(SourceError, match="but shows nobody at all"):
        played(tmp_path).material()
