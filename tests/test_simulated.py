"""Simulated people: what a file says, how cameras see it, and that the bodies are right."""

import json
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_module
from hydra.utils import instantiate
from safetensors.numpy import load_file, save_file

from kpcomplete.app import simulate as command
from kpcomplete.cabin import anthropometry, behaviour, rig, seating, vehicle
from kpcomplete.cabin.postures import POSTURES
from kpcomplete.cabin.sitter import RESTS, SPOTS, TOGETHER, Sitter, Stature
from kpcomplete.data import Data
from kpcomplete.data.projection import CameraRange
from kpcomplete.data.simulated import Contents, Simulated
from kpcomplete.data.take import takes
from kpcomplete.errors import SettingError, SourceError, WorkerError
from kpcomplete.skeleton import Skeleton

SKELETON = Skeleton.load("blazepose33")
AHEAD = CameraRange(
    name="ahead", azimuth=(0, 0), elevation=(0, 0), distance=(2, 2), field_of_view=(90, 90),
    aim=(0, 0), roll=(0, 0),
)  # fmt: skip


def contents(**changes):
    usual = Contents(
        fps=30.0, people=["sim_000", "sim_001"], lengths=[3, 5], seats=["driver", "passenger"]
    )
    return replace(usual, **changes)


def write(path, about=None, joints=None):
    """Write people whose shoulders are 0.4 m apart and whose left ankle is 1 m below, 0.5 ahead."""
    if joints is None:
        joints = np.zeros((8, 33, 3), np.float16)
        joints[:, SKELETON.index("left_shoulder"), 0] = 0.2
        joints[:, SKELETON.index("right_shoulder"), 0] = -0.2
        joints[:, SKELETON.index("left_ankle")] = (0.1, -0.5, -1.0)
    text = json.dumps(asdict(about or contents()))
    save_file({"joints": joints}, path, metadata={"kpcomplete": text})
    return str(path)


def test_a_camera_ahead_sees_the_left_on_the_right_and_feet_below(tmp_path):
    data = Simulated(file=write(tmp_path / "a.safetensors"), cameras=[AHEAD])
    assert isinstance(data, Data)
    poses = data.load()
    assert (poses.people, poses.views) == (("sim_000", "sim_001"), ("ahead", "ahead"))
    assert poses.clips.tolist() == [[0, 3], [3, 5]]
    found = dict(zip(SKELETON.joints, poses.keypoints[0].tolist(), strict=True))
    # 640 pixels of focal length, 2 m to the shoulders and 1.5 m to the ankle
    assert found["left_shoulder"] == pytest.approx([640 + 640 * 0.1, 360], abs=0.1)
    assert found["right_shoulder"] == pytest.approx([640 - 640 * 0.1, 360], abs=0.1)
    ankle = [640 + 640 * 0.1 / 1.5, 360 + 640 / 1.5]
    assert found["left_ankle"] == pytest.approx(ankle, abs=0.2)


def test_a_camera_for_two_looks_aside(tmp_path):
    aside = replace(AHEAD, aside=(2.0, 2.0))  # as far as it is away: 45 degrees, the image's edge
    file = write(tmp_path / "a.safetensors")
    nose = Simulated(file=file, cameras=[aside]).load().keypoints[0, 0]
    assert nose.tolist() == pytest.approx([0.0, 360.0], abs=0.1)


def test_every_clip_is_seen_by_every_camera_as_often_as_asked(tmp_path):
    cameras = [AHEAD, replace(AHEAD, name="near", distance=(1.0, 1.5))]
    file = write(tmp_path / "a.safetensors")
    poses = Simulated(file=file, cameras=cameras, draws=2).load()
    assert poses.views == ("ahead",) * 4 + ("near",) * 4
    near = poses.keypoints[16:]
    assert not torch.equal(near[:8], near[8:])  # cameras are drawn anew
    again = Simulated(file=file, cameras=cameras, draws=2).load()
    torch.testing.assert_close(again.keypoints, poses.keypoints)
    other = Simulated(file=file, cameras=cameras, draws=2, seed=1).load()
    assert not torch.equal(other.keypoints[16:], near)


def test_nothing_is_nearer_to_a_camera_than_asked(tmp_path):
    close = replace(AHEAD, distance=(0.3, 0.3))  # the ankle would be behind it
    poses = Simulated(file=write(tmp_path / "a.safetensors"), cameras=[close], nearest=0.4).load()
    ankle = poses.keypoints[0, SKELETON.index("left_ankle")]
    assert ankle[1].item() == pytest.approx(360 + 640 / 0.4, abs=1.0)


def test_joints_are_off_as_a_detector_may_be(tmp_path):
    file = write(tmp_path / "a.safetensors")
    exact = Simulated(file=file, cameras=[AHEAD]).load().keypoints
    off = Simulated(file=file, cameras=[AHEAD], offset=0.02).load().keypoints - exact
    assert off[:3].std(dim=0).max() < 1e-3  # the same throughout a clip
    assert off.std().item() == pytest.approx(640 * 0.02 / 2, rel=0.3)


def test_motions_are_told_apart(tmp_path):
    about = contents(motions=["reach", "ue_adl_ADL003"])
    file = write(tmp_path / "a.safetensors", about)
    drawn, real, every = (
        Simulated(file=file, cameras=[AHEAD], motions=motions).load().people
        for motions in (["reach"], ["ue_adl_ADL003"], None)
    )
    assert (drawn, real, every) == (("sim_000",), ("sim_001",), ("sim_000", "sim_001"))
    old = write(tmp_path / "b.safetensors")  # all of it was drawn
    assert len(Simulated(file=old, cameras=[AHEAD], motions=["reach"]).load().people) == 2
    with pytest.raises(SourceError, match=r"motion from \['cmu'\], but has only that from"):
        Simulated(file=file, cameras=[AHEAD], motions=["cmu"]).load()


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda p: p.write_bytes(b"no"), "should be a file of `kpcomplete simulate`"),
        (lambda p: p.unlink(), "should be a file of `kpcomplete simulate`"),
        (lambda p: save_file({"joints": np.zeros(3)}, p), "KeyError"),
        (lambda p: write(p, contents(lengths=[3, 4])), r"shape \(7, 33, 3\)"),
        (
            lambda p: write(p, contents(people=["a"])),
            r"as clips, but has \(8, 33, 3\) and \[1, 2\]",
        ),
        (lambda p: write(p, joints=np.full((8, 33, 3), np.nan, np.float16)), "finite joints"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path, spoil, text):
    path = tmp_path / "b.safetensors"
    write(path)
    spoil(path)
    with pytest.raises(SourceError, match=text) as found:
        Simulated(file=str(path), cameras=[AHEAD]).load()
    assert str(path) in str(found.value)


@pytest.mark.parametrize("changes", [{"cameras": []}, {"draws": 0}])
def test_somebody_must_look(changes):
    with pytest.raises(SettingError, match="at least one camera and one draw"):
        Simulated(**{"file": "x", "cameras": [AHEAD]} | changes)


# -- how people sit ------------------------------------------------------------------------------


def test_hands_rest_before_the_trunk():
    stature = Stature(
        np.array([0.3, 0.1, 0.3]), np.array([0.3, 0.3, 0.8]), np.array([0.3, 0.1, 1.0]), 1.0,
        ((1.4, 0.3, 0.1, 0.0),) * 2, front=0.16,
    )  # fmt: skip
    belly = stature.outside(np.array([0.35, 0.1, 0.55]))  # the line is at y = 0.2 there
    np.testing.assert_allclose(belly, [0.35, 0.04, 0.55])
    for away in ((0.35, -0.2, 0.55), (0.6, 0.2, 0.55), (0.35, 0.1, 0.2)):  # ahead, beside, below
        np.testing.assert_array_equal(stature.outside(np.array(away)), away)


@pytest.mark.parametrize(("ahead", "down"), [(0.7, 0.3), (0.4, 0.4), (0.0, 0.8), (9.0, 1.0)])
def test_a_bent_leg_ends_where_it_should(ahead, down):
    thigh, shin = rig.fold(0.45, 0.42, ahead, down)
    reached = np.array(
        [0.45 * np.sin(thigh) + 0.42 * np.sin(shin), 0.45 * np.cos(thigh) + 0.42 * np.cos(shin)]
    )
    wanted = np.array([ahead, down])
    far = np.linalg.norm(wanted)
    wanted *= min(1.0, 0.99 * 0.87 / far)  # out of reach: it points there
    np.testing.assert_allclose(reached, wanted, atol=1e-9)
    assert thigh >= shin  # knees bend one way


def test_seats_hold_both_legs_alike_and_sittings_each_in_its_way():
    seat = rig.Seat(np.zeros(3), thigh=1.0, shin=0.2, spread=0.3)
    assert seat.leg("L") == seat.leg("R") == rig.Leg(1.0, 0.2, 0.3, -0.25)
    left, right = rig.Leg(1.0, 0.1, 0.0), rig.Leg(1.5, 0.3, 0.1)
    sitting = seating.Sitting(np.zeros(3), left=left, right=right)
    assert (sitting.leg("L"), sitting.leg("R")) == (left, right)


def test_people_are_of_all_classes_and_as_tall_as_these_are():
    rng = np.random.default_rng(0)
    kinds = [anthropometry.draw_kind(i, rng) for i in range(90)]
    young = [kind.name in ("infant_seat", "child") for kind in kinds]
    assert young == [i % 3 == 2 for i in range(90)]
    assert {kind.name for kind in kinds} == set(anthropometry.OCCUPANTS)

    def tall(shape):
        return 0.4 + shape["age"] + 0.7 * shape["height"]

    for kind in kinds:
        shape = anthropometry.draw_body(kind, tall, rng)
        assert all(0 <= value <= 1 for value in shape.values())
        low, high = kind.stature
        if 0 < shape["height"] < 1:
            assert low - 1e-9 <= tall(shape) <= high + 1e-9


def sitter(wheel, seed):
    legs = ((1.4, 0.4, 0.1, 0.0),) * 2
    chest = np.array([0.0, 0.1, 0.8])
    stature = Stature(
        np.array([0.0, 0.0, 0.3]), chest, chest + np.array([0.0, -0.1, 0.2]), 1.0, legs
    )
    still = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    return Sitter(stature, wheel, still, np.random.default_rng(seed))


@pytest.mark.parametrize("wheel", [None, vehicle.Wheel()], ids=["passenger", "driver"])
@pytest.mark.parametrize("seed", range(5))
def test_what_people_do_is_smooth_and_drawn_by_the_seed(wheel, seed):
    person, twin = sitter(wheel, seed), sitter(wheel, seed)
    motion, same = person.perform(6.0), twin.perform(6.0)
    times = np.arange(0.0, 6.0, 1 / 30)
    hands = np.array([[motion(t).left.wrist, motion(t).right.wrist] for t in times])
    speed = np.linalg.norm(np.diff(hands, axis=0), axis=-1) * 30
    assert np.isfinite(hands).all()
    assert speed.max() < 6.0  # m/s
    np.testing.assert_array_equal(motion(3.0).torso, same(3.0).torso)
    assert person.done == twin.done
    legs = np.array([[*vars(person.held(t)[0]).values()] for t in times])
    assert np.abs(np.diff(legs, axis=0)).max() < 0.2  # radians a frame


def test_every_rest_is_a_known_spot():
    assert {name for pair in RESTS for name in pair} | set(TOGETHER) <= set(SPOTS)
    person = sitter(None, 0)
    for name, (anchor, *_) in SPOTS.items():
        left, right = (person.spot(name, side)(0.0) for side in ("left", "right"))
        near = getattr(person.stature, anchor)
        for values in (left, right):
            assert np.linalg.norm(values[:3] - near) < 0.9
            assert values.shape == (10,)


# -- with Anny -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_puppets_have_the_landmarks_of_the_whole_body():
    pytest.importorskip("anny", reason="needs kpcomplete[cabin]")
    from kpcomplete.cabin.occupant import Occupant
    from kpcomplete.cabin.puppet import Wardrobe
    from kpcomplete.cabin.ride import FIGURES, SEATS

    wardrobe = Wardrobe()
    for seat, figure in FIGURES.items():
        whole = Occupant(figure, SEATS[seat])
        driver = behaviour.Driver(vehicle.Wheel(), SEATS[seat].hip, np.random.default_rng(0))
        postures = [driver.perform(8.0)(time) for time in (0.0, 1.5, 4.0)]
        expected = np.stack([whole.pose(posture).landmarks for posture in postures])
        found = wardrobe.puppet(figure.phenotype).landmarks(postures, [SEATS[seat]] * 3)
        np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.slow
def test_a_crowd_is_the_same_by_seed_and_sits_in_a_car(tmp_path):
    pytest.importorskip("anny", reason="needs kpcomplete[cabin]")
    from kpcomplete.app.simulate import simulate

    paths = [
        simulate(tmp_path / f"{i}.safetensors", bodies=6, rides=4, frames=40, seed=seed,
                 processes=processes)
        for i, (seed, processes) in enumerate([(0, 1), (0, 2), (1, 1)])
    ]  # fmt: skip
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].read_bytes() != paths[2].read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [path.name for path in paths]
    tensors = load_file(paths[0])
    joints = tensors["joints"].astype(np.float64)
    assert joints.shape == (4 * 2 * 40, 33, 3)
    clips = joints.reshape(8, 40, 33, 3)
    assert np.abs(np.diff(clips, axis=1)).max() < 0.15  # m a frame
    drivers = {name: clips[::2, :, i] for i, name in enumerate(SKELETON.joints)}
    assert (drivers["left_shoulder"][..., 2] > drivers["left_hip"][..., 2] + 0.15).all()
    assert (drivers["left_knee"][..., 1] < drivers["left_hip"][..., 1] - 0.1).all()  # ahead
    with initialize_config_module("kpcomplete.conf", version_base="1.3"):
        cfg = compose("data/simulated", overrides=[f"data.file={paths[0]}"])
    poses = instantiate(cfg.data, _convert_="all").load()
    assert len(set(poses.views)) == 5
    assert poses.keypoints.isfinite().all()


@pytest.mark.slow
def test_takes_are_what_cameras_see(tmp_path):
    pytest.importorskip("anny", reason="needs kpcomplete[cabin]")
    from kpcomplete.app.simulate import simulate

    path = simulate(tmp_path / "a.safetensors", bodies=3, rides=2, frames=10, cameras=3)
    found = list(takes(path))
    assert len(found) == 2 * 2 * 3
    for take in found:
        inside = (take.keypoints > -0.5).all(-1) & (take.keypoints < [639.5, 479.5]).all(-1)
        np.testing.assert_array_equal(take.cause != "outside", inside)
        np.testing.assert_allclose(take.camera.to_world(take.points), take.cabin, atol=1e-5)
        assert "visible" in set(take.cause.ravel().tolist())
        assert (take.dash >= 0).all()
        assert set(take.posture) <= set(POSTURES)
    assert {take.seat for take in found} == {"driver", "passenger"}
    assert len({take.camera.name for take in found if take.ride == 0}) == 3


def test_an_old_file_has_no_takes(tmp_path):
    with pytest.raises(SourceError, match="has joints only: make it anew"):
        list(takes(write(tmp_path / "a.safetensors")))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"bodies": 0}, "at least 3 bodies, 1 ride"),
        ({"frames": 1}, "2 frames and fps > 0, but got .*frames=1"),
        ({"fps": 0.0}, "fps=0.0"),
        ({"views": ["mirror", "boot"]}, r"views must be among .*but got \['boot'\]"),
        ({"cameras": 6}, "between 1 and the 5 views, but got 6"),
        ({"size": [640]}, "a width and a height >= 16"),
        ({"processes": 0}, "at least 1 process"),
    ],
)
def test_bad_settings_are_refused(tmp_path, changes, text):
    from kpcomplete.app.simulate import simulate

    with pytest.raises(SettingError, match=text):
        simulate(tmp_path / "a.safetensors", **changes)
    assert not list(tmp_path.iterdir())


class Dying(Executor):
    """Workers that are killed as soon as they have something to do."""

    def __init__(self, *_, **__):
        pass

    def submit(self, *_, **__):
        lost = Future()
        lost.set_exception(BrokenProcessPool("terminated abruptly"))
        return lost


def test_a_process_that_dies_is_told_and_rides_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "ProcessPoolExecutor", Dying)
    with pytest.raises(WorkerError, match="finished rides are kept"):
        command.simulate(tmp_path / "a.safetensors", bodies=3, rides=2, frames=9, processes=2)
    assert [path.name.partition("-")[0] for path in tmp_path.iterdir()] == [
        ".a.safetensors.rides"
    ]  # fmt: skip
