"""What hides joints, by solids instead of surfaces; lenses; classes of posture."""

import sys

import cv2
import numpy as np
import pytest
import torch

from kpcomplete.cabin import proxies, sitter
from kpcomplete.cabin.cameras import CAMERAS, draw_camera, look_at
from kpcomplete.cabin.landmarks import NAMES
from kpcomplete.cabin.lens import Lens
from kpcomplete.cabin.mesh import box as box_mesh
from kpcomplete.cabin.postures import POSTURES, classify, trunk
from kpcomplete.cabin.rays import Balls, Capsules, Rays, first
from kpcomplete.cabin.shapes import box, tube
from kpcomplete.cabin.sitter import Span
from kpcomplete.cabin.vehicle import Car, Wheel
from kpcomplete.cabin.visibility import Scene
from kpcomplete.errors import MissingDependencyError, SettingError


def rays(seed, count=4000, origin=(0.0, -2.0, 0.3)):
    """Rays from one point towards a cloud about 0."""
    rng = np.random.default_rng(seed)
    ways = rng.normal(0.0, 0.4, (1, count, 3)) - origin
    ways /= np.linalg.norm(ways, axis=-1, keepdims=True)
    tensors = (torch.from_numpy(a.astype(np.float32)) for a in (np.array([origin]), ways))
    start, way = tensors
    return Rays(origin=start, ways=way)


def cast(mesh, some):
    """Metres after which Open3D's rays meet a mesh."""
    pytest.importorskip("open3d")
    both = torch.cat([some.origin.expand(some.ways.shape[1], 3), some.ways[0]], dim=1)
    return Scene({"a": mesh}).rays.cast_rays(both.numpy())["t_hit"].numpy()


def agree(found, truth):
    found, truth = found.numpy().ravel(), truth.ravel()
    same = np.isfinite(found) == np.isfinite(truth)
    both = np.isfinite(found) & np.isfinite(truth)
    assert both.sum() > 100
    return same.mean(), np.abs(found[both] - truth[both]).max()


def test_rays_enter_boxes_where_they_meet_their_surface():
    shape = box((0.1, 0.0, 0.2), (0.5, 0.3, 0.8), (0, 0, 0), 1e-4)
    turned = shape.moved(np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0], (0, 0.2, 0))
    some = rays(1)
    same, gap = agree(first(proxies.still([turned]), some), cast(turned.mesh(), some))
    assert same > 0.995
    assert gap < 0.01


def test_rays_enter_pipes_and_rings_where_they_meet_their_surface():
    pipe = tube(np.linspace((-0.4, 0.0, -0.2), (0.4, 0.1, 0.4), 20), 0.1, (0, 0, 0))
    some = rays(2)
    cut = cast(pipe.mesh(), some)
    found = first(proxies.still([pipe]), some).numpy().ravel()
    both = np.isfinite(cut) & np.isfinite(found)
    assert (np.isfinite(found) == np.isfinite(cut)).mean() > 0.95  # its ends are round
    assert np.median(np.abs(found[both] - cut[both])) < 0.005
    wheel = Wheel(center=(0.0, 0.0, 0.0), radius=0.4, grip=0.05, tilt=0.4)
    same, _ = agree(
        first(proxies.steered(wheel, np.array([0.3])), some), cast(wheel.mesh(0.3), some)
    )
    assert same > 0.99  # spokes end where the rim's middle is


def test_rings_are_met_where_they_are_near_however_flat_one_looks():
    wheel = Wheel(center=(0.0, 0.0, 0.0), radius=0.4, grip=0.05, tilt=0.0)
    rim = wheel.mesh(0.0)
    for origin in ((0.0, -2.0, 0.0), (0.0, -0.5, 1.9), (1.9, -0.2, 0.3)):
        some = rays(3, origin=origin)
        found = first(proxies.steered(wheel, np.array([0.0])), some)
        assert agree(found, cast(rim, some))[0] > 0.99


def test_rays_enter_ellipsoids_and_the_round_ends_of_capsules():
    some = Rays(origin=torch.zeros(1, 3), ways=torch.eye(3)[None])
    ball = Balls(
        center=torch.tensor([[[3.0, 0, 0]]]),
        unfold=torch.diag(torch.tensor([2.0, 1, 1]))[None, None],
    )
    assert ball.enter(some).flatten().tolist() == [2.5, np.inf, np.inf]
    start, end = torch.tensor([[[2.0, 0, 0]]]), torch.tensor([[[3.0, 0, 0]]])
    bar = Capsules(start=start, end=end, radius=torch.tensor([0.5]))
    assert bar.enter(some).flatten().tolist() == pytest.approx([1.5, np.inf, np.inf])
    behind = Capsules(start=-start, end=-end, radius=torch.tensor([0.5]))
    assert not behind.enter(some).isfinite().any()


def test_the_distance_to_the_dash_is_that_to_its_nearest_point():
    car = Car(dash=0.05)
    points = np.array([[0.0, -0.22, 0.5], [0.0, -0.8, 0.5], [0.0, -0.52, 1.5]])
    found = car.to_dash(points)
    assert found[0] == pytest.approx(0.57 - 0.05 - 0.22)
    assert found[1] == 0.0
    assert found[2] > 0.8


def test_truth_reprojects_as_opencv_says():
    rng = np.random.default_rng(0)
    for kind in CAMERAS:
        camera = draw_camera(kind, (640, 480), rng)
        points = rng.uniform((-0.6, -0.4, 0.3), (0.6, 0.4, 1.1), (200, 3))
        points = points[camera.holds(camera.view(points))]
        matrix = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1.0]])
        turn, shift = cv2.Rodrigues(camera.turn)[0], -camera.turn @ camera.center
        lens = np.array([camera.k1, 0, 0, 0.0])
        expected = cv2.projectPoints(points, turn, shift, matrix, lens)[0][:, 0]
        assert len(points) > 20
        assert np.abs(camera.project(camera.view(points)) - expected).max() < 0.01


def test_what_is_far_outside_of_a_lens_is_not_in_its_image():
    camera = draw_camera("roof", (640, 480), np.random.default_rng(1))
    wide = camera.turn.T @ [3.0, 0.0, 0.5] + camera.center
    assert not camera.holds(camera.view(wide))
    with pytest.raises(SettingError, match=r"must be one of .*but got 'boot'"):
        draw_camera("boot", (640, 480), np.random.default_rng(1))


def test_a_lens_puts_what_was_drawn_where_the_truth_is():
    camera = draw_camera("roof", (640, 480), np.random.default_rng(3))
    assert camera.k1 != 0
    lens, point = Lens(camera), camera.turn.T @ [0.9, 0.5, 1.0] + camera.center
    picture = np.zeros((lens.pinhole.height, lens.pinhole.width, 3), np.float32)
    x, y = np.rint(lens.pinhole.project(camera.view(point))).astype(int)
    picture[y - 2 : y + 3, x - 2 : x + 3] = 1.0
    bent = lens.bend(picture)[..., 0]
    rows, columns = np.indices(bent.shape)
    middle = np.array([(columns * bent).sum(), (rows * bent).sum()]) / bent.sum()
    np.testing.assert_allclose(middle, camera.project(camera.view(point)), atol=0.8)
    straight = look_at((0, -1, 1), (0, 0, 1), (64, 48), 80.0)
    assert Lens(straight).bend(picture) is picture


def sitting(forward=0.0, aside=0.0, turned=0.0):
    """Joints of someone who leans, metres."""
    joints = np.zeros((4, 33, 3))
    up = 0.5 * np.array([np.sin(aside), -np.sin(forward), np.cos(forward) * np.cos(aside)])
    across = 0.2 * np.array([np.cos(turned), np.sin(turned), 0.0])
    for side, sign in (("left", 1.0), ("right", -1.0)):
        joints[:, NAMES.index(f"{side}_hip")] = [0.1 * sign, 0.0, 0.3]
        joints[:, NAMES.index(f"{side}_shoulder")] = up + [0, 0, 0.3] + sign * across
    return joints


@pytest.mark.parametrize(
    ("pose", "spans", "name"),
    [
        ({"forward": -0.3}, [], "in_position"),
        ({"forward": 0.4}, [], "leaning_forward"),
        ({"forward": -0.7}, [], "reclined"),
        ({"forward": -0.3, "aside": 0.4}, [], "leaning_sideways"),
        ({"forward": 0.4, "turned": -0.9}, [], "turned_rear"),
        ({"forward": 0.4}, [Span("call", "left", 0.0, 9.0)], "phone"),
        ({}, [Span("call", "left", 0.0, 9.0), Span("feet_on_dash", "", 0.0, 9.0)], "feet_on_dash"),
        ({}, [Span("getting_in", "", 0.0, 9.0)], "getting_in"),
        ({"forward": -0.3}, [Span("drink", "left", 0.0, 9.0)], "in_position"),
    ],
)
def test_postures_are_told_by_trunk_and_acts(pose, spans, name):
    joints = sitting(**pose)
    code = classify(joints, spans, np.arange(4) / 30)
    assert [POSTURES[c] for c in code] == [name] * 4
    assert trunk(joints)[0][0] == pytest.approx(pose.get("forward", 0.0), abs=0.03)


def test_acts_count_only_while_they_last():
    code = classify(sitting(forward=-0.3), [Span("phone", "left", 0.9, 2.1)], np.arange(4.0))
    assert [POSTURES[c] for c in code] == ["in_position", "phone", "phone", "in_position"]


def test_every_far_spot_and_held_thing_is_a_spot():
    from kpcomplete.cabin.themes import HELD
    from kpcomplete.cabin.things import COLORS, SIZES

    assert set(sitter.FAR) | set(HELD) <= set(sitter.SPOTS)
    assert set(HELD.values()) <= set(SIZES) == set(COLORS)
    assert box_mesh((0, 0, 0), SIZES["phone"], (0, 0, 0), 0.006).vertices.ptp(axis=0).max() < 0.2


def test_without_anny_simulate_says_what_to_install(monkeypatch, tmp_path):
    from kpcomplete.app.simulate import simulate
    from kpcomplete.cabin import occupant

    occupant.anny_model.cache_clear()
    monkeypatch.setitem(sys.modules, "anny", None)
    with pytest.raises(MissingDependencyError, match="pip install"):
        simulate(tmp_path / "a.safetensors", rides=1, bodies=3)
    assert not (tmp_path / "a.safetensors").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_solids_rays_and_pictures_agree():
    pytest.importorskip("anny", reason="needs the extra 'cabin'")
    from kpcomplete.benchmark.simulate import run
    from kpcomplete.errors import RenderError

    try:
        found = run(quick=True)
    except RenderError as error:
        pytest.skip(str(error))
    assert found["visibility_agree"] >= 0.995
    assert found["reprojection_px"] < 0.01
    assert found["proxy_agree"] > 0.96
    assert found["penetrating"] < 0.1
