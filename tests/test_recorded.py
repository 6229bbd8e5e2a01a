"""Arms that move as real ones did."""

from types import SimpleNamespace

import numpy as np
import pytest

from kpcomplete.app.simulate import Settings
from kpcomplete.cabin import recorded
from kpcomplete.cabin.motion import Hand, Motion, Track
from kpcomplete.cabin.outing import act, behind
from kpcomplete.cabin.rear import PLACES
from kpcomplete.cabin.sitter import Span
from kpcomplete.errors import SettingError, SourceError
from kpcomplete.staging import stage

NAMES = [f"{side}_{part}" for side in "lr"
         for part in ("shoulder", "elbow", "wrist", "index_tip", "thumb")]  # fmt: skip
#: Metres to the right, up and back (UE_ADL's axes) of the right side: elbow hanging, forearm
#: level and ahead, palm down, thumb inwards.
ARM = np.array([[0.2, 0, 0], [0.2, -0.3, 0], [0.2, -0.3, -0.2], [0.2, -0.3, -0.4],
                [0.1, -0.3, -0.3]])  # fmt: skip


def write(path, turn=0.0, **changes):
    """Two takes of A and one of B; the right wrist rises by a centimetre a frame."""
    joints = np.zeros((30, 10, 3))
    joints[:, 5:], joints[:, :5] = ARM, ARM * [-1.0, 1.0, 1.0]
    joints[:, 7:, 1] += 0.01 * np.arange(30)[:, None]
    cos, sin = np.cos(turn), np.sin(turn)
    joints = joints @ np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    values = {"joints": joints, "clip_frames": np.array([10, 10, 10]), "fps": np.array(30.0),
              "subject": np.array(["A", "A", "B"]), "joint_names": np.array(NAMES)}  # fmt: skip
    np.savez(path, **values | changes)
    return path


@pytest.mark.parametrize("turn", [0.0, 0.4])
def test_arms_are_shares_of_their_length_however_people_sat_in_the_room(tmp_path, turn):
    takes = recorded.read_arms(write(tmp_path / "a.npz", turn))
    assert [(take.subject, take.hands.shape) for take in takes] == [
        ("A", (2, 10, 9)), ("A", (2, 10, 9)), ("B", (2, 10, 9)),
    ]  # fmt: skip
    left, right = takes[0].hands[:, 0]
    for hand in (left, right):  # in the vehicle: x left, y back, z up
        np.testing.assert_allclose(hand[:3], [0.0, -0.4, -0.6], atol=0.01)
        np.testing.assert_allclose(hand[3:6], [0.0, -1.0, 0.0], atol=1e-6)
        np.testing.assert_allclose(hand[6:], [0.0, 0.0, -1.0], atol=1e-6)
    rise = np.diff(takes[0].hands[1, :, 2])
    assert (rise > 0.015).all()
    assert np.ptp(takes[0].hands[0], axis=0).max() < 1e-6


def test_some_people_are_left_out(tmp_path):
    file = write(tmp_path / "a.npz")
    assert [take.subject for take in recorded.read_arms(file, ["A"])] == ["B"]
    with pytest.raises(SourceError, match=r"somebody else than \['A', 'B'\]"):
        recorded.read_arms(file, ["B", "A"])


@pytest.mark.parametrize(
    "changes",
    [
        {"joint_names": np.array([*NAMES[:-1], "tail"])},
        {"clip_frames": np.array([10, 10, 9])},
        {"subject": np.array(["A"])},
    ],
)
def test_other_files_are_refused_by_name(tmp_path, changes):
    file = write(tmp_path / "a.npz", **changes)
    with pytest.raises(SourceError, match=r"a\.npz should be an \.npz with joints"):
        recorded.read_arms(file)
    with pytest.raises(SourceError, match=r"should be an \.npz"):
        recorded.read_arms(tmp_path / "none.npz")


class Body:
    """A puppet with arms of 1 m, 0.4 m apart."""

    rig = SimpleNamespace(rest=lambda name: np.array([0.2 if name[-1] == "L" else -0.2, 0, 0]))

    def length(self, *_):
        return 1.0


def sitter():
    def still(_):
        return Hand(np.zeros(3), np.zeros(3), np.zeros(3), 0.0)

    track = Track([0.0], [(0.0, 0.0, 0.0)])
    return SimpleNamespace(
        perform=lambda duration: Motion(track, track, still, still),
        spans=[Span("call", "left", 0.0, 9.0), Span("getting_in", "", 0.0, 2.0)],
        done=["call"], theme="phone",
        stature=SimpleNamespace(chest=np.array([0.3, 0.0, 1.0])),
    )  # fmt: skip


def test_one_body_does_what_one_subject_did_without_jumps(tmp_path):
    takes = recorded.read_arms(write(tmp_path / "a.npz"))
    seated = SimpleNamespace(sitter=sitter())
    motion, source = recorded.perform(seated, Body(), takes, 4.0, np.random.default_rng(0))
    assert source in ("ue_adl_A", "ue_adl_B")
    np.testing.assert_allclose(motion.left(0.0).wrist, [0.5, -0.4, 0.4], atol=0.4)
    times = np.arange(0.0, 4.0, 1 / 60)
    wrists = np.array([[motion.left(t).wrist, motion.right(t).wrist] for t in times])
    np.testing.assert_allclose(wrists[:, 0, 0] - wrists[:, 1, 0], 0.4, atol=1e-6)
    assert np.linalg.norm(np.diff(wrists, axis=0), axis=-1).max() < 0.03
    assert np.ptp(wrists[:, :, 2], axis=0).max() > 0.1
    assert [span.name for span in seated.sitter.spans] == ["getting_in"]  # nothing is held
    assert seated.sitter.theme == "plain"


@pytest.mark.parametrize("name", ["arms_share", "rear"])
def test_a_share_is_a_share(name):
    with pytest.raises(SettingError, match=f"{name} must be from 0 to 1, but got 2"):
        Settings(**{name: 2})


def test_a_time_to_begin_at_is_not_negative(tmp_path):
    with pytest.raises(SettingError, match="latest must be a time >= 0 s, but got -1"):
        Settings(latest=-1.0)
    with pytest.raises(SettingError, match="latest must be a time >= 0 s, but got -1"):
        stage(tmp_path / "a.safetensors", latest=-1.0)


@pytest.mark.parametrize("start", [0.0, 5.2])
def test_people_are_looked_at_from_any_moment_on(start):
    def pose(times, _):
        swings = np.sin(3.0 * np.array(times))[:, None, None]
        return swings[..., None] * np.eye(3), swings * np.ones(3)

    puppet = SimpleNamespace(
        pose=pose,
        follow=lambda turns, heads: heads,
        padding=SimpleNamespace(used=[0], posed=lambda turns, heads: [heads]),
    )
    times = start + np.arange(20) / 15
    actor = act(puppet, lambda time: time, lambda time: time, times)
    np.testing.assert_allclose(actor.joints[:, 0, 0], np.sin(3.0 * times), atol=5e-3)
    np.testing.assert_allclose(actor.turns[:, 0, 1, 1], np.sin(3.0 * times), atol=0.02)


def test_those_behind_are_not_in_front_and_no_babies():
    kinds = ["adult_50", "infant_seat", "child", "adult_05", "adult_95"]
    crowd, rng = SimpleNamespace(kinds=kinds), np.random.default_rng(0)
    found = [behind(crowd, (0, 2), rng) for _ in range(40)]
    assert {seat for seats in found for seat in seats} == set(PLACES)
    assert {index for seats in found for index in seats.values()} == {3, 4}
    assert {len(seats) for seats in found} == {1, 2}
    assert all(len(set(seats.values())) == len(seats) for seats in found)
    assert behind(SimpleNamespace(kinds=kinds[:3]), (0, 2), rng) == {}
