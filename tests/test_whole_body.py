"""Whole bodies that move as real ones did, on a seat."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from whole_bodies import write

from kpcomplete.app.simulate import Settings
from kpcomplete.cabin import whole_seated
from kpcomplete.cabin.clearance import AHEAD, DOOR, LAP, MIDDLE, ROOF, clear
from kpcomplete.cabin.motion import Hand, Motion, Track
from kpcomplete.cabin.reach import rotation
from kpcomplete.cabin.rig import Leg
from kpcomplete.cabin.seating import Seated, Sitting
from kpcomplete.cabin.sitter import TRUNK, Span, Stature
from kpcomplete.cabin.themes import Themed
from kpcomplete.cabin.whole_body import JOINTS, Columns, read_whole
from kpcomplete.errors import SettingError, SourceError

LEGS = ((1.45, 0.45, 0.08, -0.2), (1.6, 0.3, 0.08, -0.2))


@given(heading=st.floats(-3.1, 3.1))
def test_where_people_face_in_the_room_does_not_matter(tmp_path_factory, heading):
    folder = tmp_path_factory.mktemp("mocap")
    ahead = read_whole(write(folder / "a.npz"))
    turned = read_whole(write(folder / "b.npz", heading))
    for one, other in zip(ahead, turned, strict=True):
        np.testing.assert_allclose(one.rows, other.rows, atol=1e-9)


def test_rows_are_angles_away_from_the_median_and_hands_from_their_shoulders(tmp_path):
    take = read_whole(write(tmp_path / "a.npz"))[0]
    assert (take.subject, take.fps, take.rows.shape) == ("A", 30.0, (40, 21))
    np.testing.assert_allclose(take.rows[:, Columns.TORSO], 0.0, atol=1e-9)
    assert np.ptp(take.rows[:, Columns.HEAD][:, 0]) > 0.3
    np.testing.assert_allclose(take.rows[:, Columns.HEAD][:, 1], 0.0, atol=1e-9)
    left, right = np.moveaxis(take.rows[:, Columns.WRIST].reshape(-1, 2, 3), 1, 0)
    np.testing.assert_allclose(right, right[:1].repeat(40, axis=0), atol=1e-9)
    assert right[0, 2] < -0.9  # hangs
    assert np.ptp(left[:, 2]) > 0.5
    assert left[:, 0].min() > 0.0  # in the vehicle: x left
    legs = take.rows[:, Columns.LEGS]
    np.testing.assert_allclose(legs[:, :3], 0.0, atol=1e-9)
    assert 0.05 < np.abs(legs[:, 3]).max() <= 0.25


def test_those_held_out_are_absent(tmp_path):
    file = write(tmp_path / "a.npz")
    assert [take.subject for take in read_whole(file, ["A"])] == ["B"]
    with pytest.raises(SourceError, match=r"somebody else than \['A', 'B'\]"):
        read_whole(file, ["B", "A"])


@pytest.mark.parametrize(
    "changes",
    [
        {"joint_names": np.array([*JOINTS[:-1], "tail"])},
        {"clip_frames": np.array([40, 40, 39])},
        {"subject": np.array(["A"])},
    ],
)
def test_other_files_are_refused_by_name(tmp_path, changes):
    with pytest.raises(SourceError, match=r"a\.npz should be an \.npz with joints"):
        read_whole(write(tmp_path / "a.npz", **changes))
    with pytest.raises(SourceError, match=r"should be an \.npz"):
        read_whole(tmp_path / "none.npz")


def test_frames_that_do_not_belong_are_cut_out(tmp_path):
    file = write(tmp_path / "a.npz")
    joints = np.load(file)["joints"]
    wrist, shoulder = JOINTS.index("r_wrist"), JOINTS.index("r_shoulder")
    spread = joints[0, shoulder] + [-0.55, 0.0, 0.0]  # to the right
    joints[0, wrist], joints[45, wrist] = spread, spread
    joints[50, wrist] = spread
    takes = read_whole(write(file, joints=joints))
    # what is between the 45th and the 50th frame is too short
    assert [len(take.rows) for take in takes] == [39, 29, 40]
    assert all(np.ptp(take.rows[:, Columns.WRIST][:, 3:], axis=0).max() < 0.1 for take in takes)
    joints[::10, wrist] = spread
    with pytest.raises(SourceError, match="s of motion without jumps"):
        read_whole(write(file, joints=joints))


def stature(x=-0.36, legs=LEGS):
    return Stature(
        np.array([x, 0.0, 0.35]), np.array([x, 0.15, 0.80]), np.array([x, 0.0, 1.0]), 1.0, legs,
        front=0.16,
    )  # fmt: skip


places = st.tuples(st.floats(-0.8, 0.8), st.floats(-0.9, 0.5), st.floats(-0.5, 1.0))


@given(wrist=places, side=st.sampled_from([-1.0, 1.0]), lean=st.floats(-0.4, 0.3))
def test_wrists_stay_out_of_lap_trunk_door_and_roof(wrist, side, lean):
    body, chest = stature(0.36 * side), np.array([0.02, -lean, 0.42])
    thighs = np.array([leg[0] for leg in LEGS])
    x, y, z = clear(np.array(wrist), chest, body, thighs)
    assert LAP <= z <= ROOF - 0.35 + 1e-9
    assert -MIDDLE <= side * x <= DOOR + 1e-9
    assert y >= -AHEAD
    if z < chest[2] and abs(x - z / chest[2] * chest[0]) < 0.3 * TRUNK:
        assert y < z / chest[2] * chest[1] - 0.6 * body.front or y == pytest.approx(-AHEAD, abs=0.1)


@given(wrist=places, step=st.tuples(*[st.floats(-0.01, 0.01)] * 3))
def test_wrists_that_hardly_move_do_not_jump(wrist, step):
    body, chest = stature(), np.array([0.0, 0.1, 0.42])
    thighs = np.array([leg[0] for leg in LEGS])
    one, other = (clear(np.array(at), chest, body, thighs)
                  for at in (wrist, np.add(wrist, step)))  # fmt: skip
    assert np.linalg.norm(one - other) <= 4.0 * np.linalg.norm(step) + 1e-9


def test_wrists_far_from_everything_stay_where_they_are():
    free = np.array([0.0, -0.40, 0.45])
    found = clear(free, np.array([0.0, 0.1, 0.42]), stature(), np.array([1.45, 1.45]))
    np.testing.assert_allclose(found, free, atol=2e-3)


class Body:
    """A puppet with arms of 0.6 m, shoulders 0.36 m apart; it leans about the hip."""

    def length(self, *names):
        return 0.3 * (len(names) - 1)

    @property
    def rig(self):
        def shoulders(torso, seat):
            turn = rotation([1.0, 0.0, 0.0], torso[:, 0]) @ rotation([0.0, 0.0, 1.0], torso[:, 2])
            rest = np.array([[0.18, 0.12, 0.45], [-0.18, 0.12, 0.45]])
            return np.einsum("tij,sj->tsi", turn, rest)

        return SimpleNamespace(shoulders=shoulders)


def seated(seed=0):
    still = ((0.05, 0.0, 0.0), (0.1, 0.0, 0.2))
    sitter = Themed(stature(), None, still, np.random.default_rng(seed))
    sitter.theme = "phone"
    return Seated(
        Sitting(stature().hip, left=Leg(*LEGS[0]), right=Leg(*LEGS[1])), sitter, None,
        entering=0.0,
    )  # fmt: skip


def test_a_seated_body_moves_like_a_subject_without_jumps(tmp_path):
    takes = read_whole(write(tmp_path / "a.npz"))
    sits = seated()
    motion, legs, source = whole_seated.perform(sits, Body(), takes, 6.0, np.random.default_rng(1))
    assert source in ("A", "B")
    assert (sits.sitter.theme, sits.sitter.done) == ("plain", ["recorded"])
    assert not any(span.side for span in sits.sitter.spans)
    times = np.arange(0.0, 6.0, 1 / 60)
    wrists = np.array([[motion.left(t).wrist, motion.right(t).wrist] for t in times])
    assert np.linalg.norm(np.diff(wrists, axis=0), axis=-1).max() < 0.03
    assert np.ptp(wrists[:, 0], axis=0).max() > 0.15  # the left arm swings
    assert wrists[..., 2].min() > stature().hip[2] + LAP - 1e-6
    heads = np.array([motion(t).head for t in times])
    assert np.ptp(heads[:, 0]) > 0.1
    for hand in (motion.left(2.0), motion.right(2.0)):
        assert np.linalg.norm(hand.fingers) == pytest.approx(1.0)
        assert np.linalg.norm(hand.palm) == pytest.approx(1.0)
    sitting = [legs(t) for t in times]
    assert np.ptp([seat.right.shin for seat in sitting]) > 0.05
    assert np.ptp([seat.left.shin for seat in sitting]) < 1e-9


def test_hands_that_hang_in_a_standing_body_lie_in_a_seated_ones_lap(tmp_path):
    takes = read_whole(write(tmp_path / "a.npz"))
    sits = seated()
    motion, _, _ = whole_seated.perform(sits, Body(), takes, 4.0, np.random.default_rng(3))
    x, y, z = motion.right(1.0).wrist - stature().hip
    assert abs(x) < 0.45
    assert -0.5 < y < 0.05
    assert LAP <= z < 0.45


def test_feet_slide_and_rise_but_do_not_sink_through_the_floor():
    rng = np.random.default_rng(0)
    still, limbs = np.array([leg[:2] for leg in LEGS]), (0.44, 0.42)
    found = whole_seated.stirred(still, rng.uniform(-0.25, 0.25, (500, 2, 2)), limbs)
    assert np.abs(found - still).max() <= 0.25 + 1e-9
    down = (np.cos(found) * limbs).sum(axis=-1) - (np.cos(still) * limbs).sum(axis=-1)
    assert -0.3 < down.min() < -0.05
    assert down.max() < 0.005


def test_time_passes_more_slowly_while_somebody_strikes():
    rows = np.zeros((60, 27))
    rows[:, 9] = np.where(np.arange(60) < 30, 0.0, 0.5)  # in one frame
    slow = whole_seated._unhurried(rows, 30.0)
    assert np.abs(np.diff(slow[:, 9])).max() * 30.0 <= whole_seated.HASTE + 1e-9
    assert len(slow) == pytest.approx(60 + 30 * 0.5 / whole_seated.HASTE, abs=2)


def test_recorded_hands_hold_nothing():
    sits = seated()
    sits.sitter.spans += [Span("call", "left", 0.0, 9.0), Span("getting_in", "", 0.0, 2.0)]
    whole_seated.forget(sits)
    assert [span.name for span in sits.sitter.spans] == ["getting_in"]


def test_trunk_and_head_may_be_any_function_of_time():
    def hand(_):
        return Hand(np.zeros(3), np.zeros(3), np.zeros(3), 0.0)

    motion = Motion(lambda time: np.full(3, time), Track([0.0], [(0.0, 0.0, 0.0)]), hand, hand)
    assert motion(0.5).torso.tolist() == [0.5, 0.5, 0.5]


def test_whole_share_is_a_share_and_nobody_moves_so_by_default():
    assert Settings().whole is None
    with pytest.raises(SettingError, match="whole_share must be from 0 to 1, but got 2"):
        Settings(whole_share=2)


@pytest.mark.slow
def test_simulated_passengers_move_as_whole_bodies_by_seed(tmp_path):
    pytest.importorskip("anny", reason="needs kpcomplete[cabin]")
    from kpcomplete.app.simulate import simulate
    from kpcomplete.data.simulated import read_tensors

    settings = {"bodies": 6, "rides": 3, "frames": 40, "rear": 0.5}
    whole = {"whole": str(write(tmp_path / "a.npz")), "whole_share": 1.0, "whole_hold_out": ["A"]}
    plain, one, other = (
        simulate(tmp_path / f"{i}.safetensors", **settings, **more).read_bytes()
        for i, more in enumerate([{}, whole, whole | {"processes": 2}])
    )
    assert one == other != plain
    tensors, about = read_tensors(tmp_path / "1.safetensors")
    moved = {seat: set() for seat in about.seats}
    for seat, kind, source in zip(about.seats, about.occupants, about.motions, strict=True):
        moved[seat].add(source)
        assert source == ("reach" if seat == "driver" or kind == "infant_seat" else "B")
    assert moved["driver"] == {"reach"}
    assert tensors["joints"].isfinite().all()
    assert set(read_tensors(tmp_path / "0.safetensors")[1].motions) == {"reach"}
