import json
import re
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import kpcomplete
from kpcomplete.cabin import truth
from kpcomplete.cabin.behaviour import Driver, Passenger, grip
from kpcomplete.cabin.cameras import look_at, mirror
from kpcomplete.cabin.landmarks import BONES, FLESH, NAMES, REGRESSED, VERTICES
from kpcomplete.cabin.mesh import Mesh, box, merge, tube, vertex_normals
from kpcomplete.cabin.motion import HandTrack, Track, minimum_jerk
from kpcomplete.cabin.reach import between, blend, frame, rotation, two_bone, unit
from kpcomplete.cabin.rig import Seat
from kpcomplete.cabin.vehicle import Wheel
from kpcomplete.cabin.visibility import CAUSES, Joints, Scene, causes, in_the_way
from kpcomplete.errors import MissingDependencyError, RenderError

SAMPLE = Path(kpcomplete.__file__).parent / "sample"
DOWN = np.array([0.0, 0.0, -1.0])


# --- movement ------------------------------------------------------------------------------------


def test_minimum_jerk_starts_and_ends_at_rest_and_never_turns_back():
    times = np.linspace(-0.5, 1.5, 2001)
    way = minimum_jerk(times)
    speed = np.gradient(way, times)
    assert way[0] == 0.0
    assert way[-1] == 1.0
    assert (np.diff(way) >= 0.0).all()
    assert abs(speed[500]) < 1e-4
    assert abs(speed[1500]) < 1e-4
    assert speed.max() == pytest.approx(1.875, abs=1e-3)  # 15 / 8 of the mean: Flash & Hogan


def test_a_track_rests_outside_its_keys_and_passes_through_them():
    track = Track([0.0, 1.0, 2.0, 3.0], [(1.0,), (1.0,), (5.0,), (2.0,)])
    assert [float(track(t)[0]) for t in (-1.0, 0.5, 1.0, 1.5, 2.0, 9.0)] == [1, 1, 1, 3, 5, 2]


def test_a_hand_on_the_wheel_stays_on_the_rim_while_the_wheel_turns():
    wheel, turn = Wheel(), Track([0.0, 1.0], [(0.0,), (1.2,)])
    hand = HandTrack([0.0], [grip(wheel, 0.3, turn)])
    reach = [np.linalg.norm(hand(t).wrist - wheel.rim(0.3 + float(turn(t)[0]))[0]) for t in (0, 1)]
    assert reach[0] == pytest.approx(reach[1])
    assert 0.03 < reach[0] < 0.09
    assert not np.allclose(hand(0.0).wrist, hand(1.0).wrist, atol=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_people_move_without_jumps(seed):
    rng = np.random.default_rng(seed)
    people = [Driver(Wheel(), np.zeros(3), rng), Passenger(np.zeros(3), 0.7, rng)]
    times = np.arange(0.0, 12.0, 1 / 30)
    for person in people:
        motion = person.perform(12.0)
        postures = [motion(t) for t in times]
        wrists = np.array([[p.left.wrist, p.right.wrist] for p in postures])
        steps = np.linalg.norm(np.diff(wrists, axis=0), axis=-1) * 30
        assert steps.max() < 3.0  # metres a second
        assert (np.ptp(wrists, axis=0).max(axis=-1) > 0.1).all()  # both hands do something
        assert np.abs([p.head for p in postures]).max() < 1.2


def test_the_same_seed_gives_the_same_motion():
    first, again = (Passenger(np.zeros(3), 0.7, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first.perform(5.0)(3.3).head, again.perform(5.0)(3.3).head)


# --- reach ---------------------------------------------------------------------------------------


def test_two_bones_keep_their_lengths_and_reach_what_is_in_reach():
    rng = np.random.default_rng(0)
    for _ in range(50):
        shoulder, target = rng.normal(size=3), rng.normal(size=3)
        target = shoulder + unit(target) * rng.uniform(0.15, 0.5)  # 0.14: bent by 150 degrees
        elbow, wrist = two_bone(shoulder, target, (0.28, 0.26), DOWN)
        assert np.linalg.norm(elbow - shoulder) == pytest.approx(0.28)
        assert np.linalg.norm(wrist - elbow) == pytest.approx(0.26)
        assert np.allclose(wrist, target)


def test_an_arm_points_at_what_is_out_of_reach():
    elbow, wrist = two_bone(np.zeros(3), np.array([0.0, -5.0, 0.0]), (0.3, 0.25), DOWN)
    assert np.allclose(unit(wrist), [0.0, -1.0, 0.0])
    assert 0.5 < np.linalg.norm(wrist) < 0.55
    assert elbow[2] < 0.0


def test_rotations():
    turn = rotation([0.0, 0.0, 2.0], 0.7)
    assert np.allclose(turn @ [1.0, 0.0, 0.0], [np.cos(0.7), np.sin(0.7), 0.0])
    assert between(turn, np.array([0.0, 0.0, 1.0])) == pytest.approx(0.7)
    assert np.allclose(blend(turn, 0.5) @ blend(turn, 0.5), turn)
    assert np.allclose(blend(np.eye(3), 0.5), np.eye(3))
    axes = frame(np.array([0.0, 2.0, 0.0]), np.array([1.0, 1.0, 0.0]))
    assert np.allclose(axes.T @ axes, np.eye(3))
    assert np.linalg.det(axes) == pytest.approx(1.0)


# --- landmarks, meshes, cameras ------------------------------------------------------------------


def test_every_landmark_is_defined_once():
    tables = [*REGRESSED, *BONES, *VERTICES]
    assert sorted(tables) == sorted(NAMES)
    assert set(FLESH) <= set(NAMES)


@pytest.mark.parametrize(
    "mesh",
    [
        box((1.0, 2.0, 3.0), (0.4, 0.3, 0.2), (0.5, 0.5, 0.5)),
        Wheel().mesh(0.4),
        tube([(0, 0, z) for z in (0.0, 0.5, 1.0)], 0.1, (1, 1, 1)),
    ],
)
def test_meshes_are_whole_and_face_outwards(mesh):
    assert mesh.triangles.max() < len(mesh.vertices) == len(mesh.colors)
    a, b, c = (mesh.vertices[mesh.triangles[:, i]] for i in range(3))
    middle = mesh.vertices.mean(axis=0)
    volume = np.einsum("ij,ij->i", a - middle, np.cross(b - middle, c - middle)).sum()
    assert volume > 0.0


def test_merged_meshes_keep_their_triangles():
    one = box((0, 0, 0), (1, 1, 1), (1, 0, 0))
    both = merge([one, one.moved(shift=(3.0, 0.0, 0.0))])
    assert len(both.triangles) == 2 * len(one.triangles)
    assert both.vertices[both.triangles[-1]].min() > 1.0 - 3.0
    assert np.allclose(np.linalg.norm(vertex_normals(one.vertices, one.triangles), axis=1), 1.0)


def test_a_camera_sees_the_drivers_side_on_the_right_and_up_above():
    camera = mirror()
    image = camera.project(camera.view([[0.3, 0.0, 0.8], [-0.3, 0.0, 0.8], [0.0, 0.0, 1.1]]))
    assert image[0, 0] > camera.cx > image[1, 0]
    assert image[2, 1] < image[0, 1]


def test_a_finer_camera_sees_the_same():
    camera = mirror()
    point = camera.view([0.2, 0.1, 0.9])
    assert np.allclose(camera.finer(2).project(point), 2.0 * camera.project(point) + 0.5)


# --- visibility ----------------------------------------------------------------------------------


def _sphere(center, radius):
    angles = np.linspace(0.0, np.pi, 40)
    path = np.stack([0 * angles, 0 * angles, -np.cos(angles)], axis=1)
    mesh = tube(path, 1.0, (1, 1, 1))
    ring = np.sqrt(np.maximum(1.0 - mesh.vertices[:, 2:] ** 2, 1e-6))
    return Mesh(
        mesh.vertices * np.hstack([ring, ring, np.ones_like(ring)]) * radius + center,
        mesh.triangles,
        mesh.colors,
    )


def test_what_hides_a_joint():
    camera = look_at((0.0, -2.0, 0.0), (0.0, 0.0, 0.0), (640, 480), 90.0)
    joints = np.array([[x, 0.0, 0.0] for x in (-1.2, -0.6, 0.0, 0.6, 1.2, 9.0)])
    meshes = {
        "driver.torso": merge([_sphere(joint, 0.05) for joint in joints]),
        "vehicle.wheel": box(joints[1] * 0.75 + [0, -0.5, 0], (0.2, 0.1, 0.2), (0, 0, 0)),
        "passenger": box(joints[3] * 0.75 + [0, -0.5, 0], (0.2, 0.1, 0.2), (0, 0, 0)),
        "driver.arm": box(joints[4] * 0.75 + [0, -0.5, 0], (0.2, 0.1, 0.2), (0, 0, 0)),
    }
    found = causes(Scene(meshes), camera, [Joints("driver", joints, 0.05)])[0]
    assert found == ["visible", "vehicle", "visible", "other", "self", "outside"]
    held = meshes | {"object.cup": box(joints[2] * 0.75 + [0, -0.5, 0], (0.2, 0.1, 0.2), (0, 0, 0))}
    found += causes(Scene(held), camera, [Joints("driver", joints[2:3], 0.05)])[0]
    assert found[-1] == "object"
    assert set(found) == set(CAUSES)


def test_no_triangle_that_a_ray_meets_is_left_out():
    rng = np.random.default_rng(0)
    heap = merge([_sphere(rng.normal(size=3), 0.3) for _ in range(12)])
    targets = rng.normal(0.0, 0.7, (40, 3))
    for origin in ((0.0, -4.0, 0.0), (0.0, -0.2, 0.0)):  # before all of it, and within
        near = in_the_way(heap.vertices - origin, heap.triangles, targets - origin)
        whole = Scene({"heap": heap}).sorted().first(np.array(origin), targets)
        some = Scene({"heap": heap}).first(np.array(origin), targets)
        np.testing.assert_allclose(some[0], whole[0], rtol=1e-5)
        assert some[1] == whole[1]
        assert set(whole[1]) == {"heap", None}
        if origin[1] < -1.0:
            assert 0 < near.mean() < 0.3


def test_the_flesh_that_meets_at_a_joint_hides_it_later():
    camera = look_at((0.0, -2.0, 0.0), (0.0, 0.0, 0.0), (640, 480), 90.0)
    scene = Scene({"driver.forearm": box((0.0, -0.13, 0.0), (0.1, 0.02, 0.1), (0, 0, 0))})
    joint = np.zeros((1, 3))

    def cause(*about):
        return causes(scene, camera, [Joints("driver", joint, *about)])

    assert cause(0.04) == [["self"]]
    assert cause(0.04, [("forearm",)]) == [["visible"]]
    assert cause(0.01, [("forearm",)]) == [["self"]]


# --- the bundled sample --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sample():
    table = pq.read_table(SAMPLE / "cabin.truth.parquet")
    return table, json.loads(table.schema.metadata[truth.KEY])


def test_the_samples_truth_has_every_joint_of_both_people_in_every_frame(sample):
    table, about = sample
    assert table.schema.equals(truth.SCHEMA, check_metadata=False)
    assert all(column.null_count == 0 for column in table.columns)
    frames = table["frame"].to_numpy().max() + 1
    assert table.num_rows == frames * 2 * 33
    assert tuple(table["joint"].to_pylist()[:33]) == NAMES
    assert set(table["seat"].to_pylist()) == {"driver", "passenger"}
    assert set(table["cause"].to_pylist()) <= set(CAUSES)
    assert np.allclose(table["time_s"].to_numpy(), table["frame"].to_numpy() / about["fps"])
    for name in ("x", "y", "x3d", "y3d", "z3d"):
        assert np.isfinite(table[name].to_numpy()).all()
    seen = pa.compute.equal(table["cause"], "visible")
    assert seen.to_pylist() == table["visible"].to_pylist()


def test_the_samples_joints_in_space_project_onto_those_in_the_image(sample):
    table, about = sample
    x, y, z = (table[name].to_numpy().astype(np.float64) for name in ("x3d", "y3d", "z3d"))
    camera = about["camera"]
    assert np.abs(camera["fx"] * x / z + camera["cx"] - table["x"].to_numpy()).max() < 0.01
    assert np.abs(camera["fy"] * y / z + camera["cy"] - table["y"].to_numpy()).max() < 0.01


def test_the_samples_zones_hold_the_joints_that_are_in_the_image(sample):
    table, about = sample
    width, height = about["image_size"]
    for seat, (x0, y0, x1, y1) in about["zones"].items():
        mine = np.array(table["seat"].to_pylist()) == seat
        mine &= np.array(table["cause"].to_pylist()) != "outside"
        x, y = table["x"].to_numpy()[mine] / width, table["y"].to_numpy()[mine] / height
        assert (x0 <= x).all()
        assert (x <= x1).all()
        assert (y0 <= y).all()
        assert (y <= y1).all()


def test_the_samples_driver_is_really_hidden_at_times(sample):
    table, _ = sample
    seats, joints = (np.array(table[name].to_pylist()) for name in ("seat", "joint"))
    visible = table["visible"].to_numpy()
    for joint in ("left_wrist", "right_wrist"):
        share = visible[(seats == "driver") & (joints == joint)].mean()
        assert 0.1 < share < 0.9, joint
    for joint in ("left_knee", "right_ankle"):
        assert not visible[joints == joint].any()
    for joint in ("nose", "left_shoulder", "right_shoulder"):
        assert visible[joints == joint].mean() > 0.8


def test_the_samples_clip_has_the_frames_of_the_truth(sample):
    av = pytest.importorskip("av")
    table, about = sample
    with av.open(str(SAMPLE / "cabin.mp4")) as clip:
        stream = clip.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert [stream.width, stream.height] == about["image_size"]
        times = [float(frame.pts * stream.time_base) for frame in clip.decode(stream)]
    frames = int(table["frame"].to_numpy().max()) + 1
    assert np.allclose(times, np.arange(frames) / about["fps"], atol=1e-4)
    assert 8.0 <= frames / about["fps"] <= 12.0


def test_the_sample_is_small():
    sizes = [path.stat().st_size for path in (SAMPLE.glob("cabin.*"))]
    assert len(sizes) == 2
    assert sum(sizes) <= 2_000_000


# --- bodies and drawing: minutes, and packages that may be missing -------------------------------


def test_without_anny_the_error_says_what_to_install(monkeypatch):
    from kpcomplete.cabin.occupant import ADULT, Occupant

    monkeypatch.setitem(sys.modules, "anny", None)
    with pytest.raises(MissingDependencyError, match=re.escape("pip install 'kpcomplete[cabin]'")):
        Occupant(ADULT, Seat(np.zeros(3)))


def test_without_a_window_the_error_names_the_system_packages(monkeypatch):
    from kpcomplete.cabin import render

    class Blind:
        def create_window(self, **settings):
            return False

    open3d = render._open3d()
    monkeypatch.setattr(open3d.visualization, "Visualizer", Blind)
    with pytest.raises(RenderError, match="libegl1 libgl1 libegl-mesa0"):
        render.Renderer(mirror())


@pytest.mark.filterwarnings("ignore")
def test_what_stands_still_hides_and_is_hidden_as_if_it_were_drawn_each_time():
    from kpcomplete.cabin.render import Renderer

    camera = look_at((0.0, -2.0, 0.0), (0.0, 0.0, 0.0), (160, 120), 60.0)
    still = merge([box((x, y, 0.0), (0.3, 0.1, 0.9), (x + 0.5, 0.2, 0.2)) for x, y in
                   ((-0.3, -0.3), (0.3, 0.3))])  # fmt: skip
    far = box((0.0, 3.0, 0.0), (9.0, 0.1, 9.0), (0.1, 0.1, 0.1))
    bars = [box((0.0, 0.0, z), (1.2, 0.1, 0.2), (0.1, 0.9, 0.2)) for z in (-0.2, 0.3)]
    room = merge([still, far])
    try:
        with Renderer(camera, finer=1) as renderer:
            laid = [renderer.draw(bar, room) for bar in (*bars, bars[0])]
            depth = renderer.depth()
    except RenderError as error:
        pytest.skip(str(error))
    for bar, picture in zip((*bars, bars[0]), laid, strict=True):
        with Renderer(camera, finer=1) as renderer:
            whole = renderer.draw(merge([bar, still]), far)
            np.testing.assert_array_equal(picture, whole)
    np.testing.assert_allclose(depth, renderer.depth(), atol=1e-5)
    green = laid[0][..., 1] > 150
    assert green[70, 110]  # the bar is before the right block
    assert not green[70, 50]  # and behind the left one


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_seated_body_holds_the_wheel_with_its_elbows_down():
    pytest.importorskip("anny", reason="needs the extra 'cabin'")
    from kpcomplete.cabin.ride import sample_ride

    ride = sample_ride(2.0, 3)
    body = ride.at(0.0).bodies["driver"]
    at = dict(zip(NAMES, body.landmarks, strict=True))
    rim = np.array([ride.wheel.rim(angle)[0] for angle in np.linspace(0, 2 * np.pi, 400)])
    for side in ("left", "right"):
        knuckles = (at[f"{side}_index"] + at[f"{side}_pinky"]) / 2.0
        assert np.linalg.norm(rim - (knuckles + at[f"{side}_wrist"]) / 2.0, axis=1).min() < 0.06
        assert at[f"{side}_elbow"][2] < at[f"{side}_shoulder"][2] - 0.1
    assert at["left_shoulder"][0] > at["right_shoulder"][0]
    assert at["nose"][1] < at["left_ear"][1]
    assert at["left_hip"][2] < at["left_shoulder"][2] < at["nose"][2]
    assert at["left_foot_index"][1] < at["left_heel"][1]
    child = ride.at(0.0).bodies["passenger"].landmarks
    assert child[0, 2] < at["nose"][2]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_same_seed_films_the_same_clip(tmp_path):
    pytest.importorskip("anny", reason="needs the extra 'cabin'")
    from kpcomplete.app.make_sample import make_sample

    try:
        first = make_sample(tmp_path / "a", duration=0.2)
    except RenderError as error:
        pytest.skip(str(error))
    again = make_sample(tmp_path / "b", duration=0.2)
    for one, other in zip(first, again, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        "cabin.mp4",
        "cabin.truth.parquet",
    ]
