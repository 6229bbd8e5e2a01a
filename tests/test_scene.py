"""Scenes are plain arrays that are where they should be."""

import numpy as np
import pytest
from recorded_people import SKELETON, camera

from kpcomplete import sample
from kpcomplete.cabin.cameras import mirror
from kpcomplete.errors import SettingError
from kpcomplete.scene import clear, colours, lettering, surroundings
from kpcomplete.scene.body import body, opacity
from kpcomplete.scene.light import shade, sieve
from kpcomplete.scene.parts import Label, Mesh, Scene, merge
from kpcomplete.scene.placing import place
from kpcomplete.scene.primitives import balls, rods
from kpcomplete.scene.view import View

UP = np.array([[0.0, 0, 1]])
RED = np.array([[1.0, 0, 0, 1]])
HALF = np.array([1, 1, 1, 0.5])


def solid():
    return {seat: true.joints3d[:30] for seat, true in sample.read_truth().items()}


def pose(rng):
    return rng.normal(0, 0.3, (33, 3))


def test_a_rod_reaches_from_its_start_to_its_end_and_has_its_radius():
    start, end = np.array([[1.0, 2, 3]]), np.array([[1.0, 5, 3]])
    rod = rods(start, end, 0.1, RED)
    assert rod.vertices[:, 1].min() == pytest.approx(2)
    assert rod.vertices[:, 1].max() == pytest.approx(5)
    away = np.linalg.norm((rod.vertices - start)[:, [0, 2]], axis=1)
    np.testing.assert_allclose(away, 0.1)


@pytest.mark.parametrize("shape", ["rod", "ball", "coarse ball"])
def test_triangles_face_outwards(shape):
    centre = np.zeros((1, 3))
    if shape == "rod":
        mesh = rods(-UP, UP, 0.1, RED)
        outside = mesh.vertices * [1, 1, 0]
    else:
        mesh = balls(centre, 0.5, RED, fine=shape == "ball")
        outside = mesh.vertices
    a, b, c = (mesh.vertices[mesh.triangles[:, i]] for i in range(3))
    facing = (np.cross(b - a, c - a) * outside[mesh.triangles].mean(axis=1)).sum(axis=1)
    assert (facing >= -1e-12).all()  # the poles of a ball have triangles without area
    assert (facing > 0).mean() > 0.8


def test_completed_joints_have_another_colour_and_the_opacity_of_their_certainty(rng):
    points, state = pose(rng), np.full(33, 2)
    state[13], state[15] = 1, 1
    std = np.full(33, 0.02)
    std[15] = 0.3
    mesh = body(points, SKELETON, state=state, std=std)

    corners = len(balls(np.zeros((1, 3)), 1.0, RED).vertices)

    def at(joint):  # balls stand before bones
        return mesh.colours[joint * corners]

    np.testing.assert_allclose(at(11)[:3], colours.LEFT, atol=1e-3)
    assert at(11)[3] == 1
    assert np.abs(at(13)[:3] - colours.LEFT).max() > 0.1
    assert 1 > at(13)[3] > at(15)[3] > 0


def test_opacity_falls_with_uncertainty():
    found = opacity(np.array([0.0, 0.05, 0.1, 0.2, 1.0, np.nan]), 6)
    assert (np.diff(found[:4]) <= 0).all()
    assert found[0] > found[2] > found[3] == found[4] > 0
    assert found[5] == opacity(None, 1)[0]


def test_a_joint_that_is_unknown_and_its_bones_are_left_out(rng):
    points = pose(rng)
    points[15] = [50, 50, 50]  # would be seen from afar
    whole = body(points, SKELETON)
    points[15] = np.nan
    part = body(points, SKELETON)
    assert np.isfinite(part.vertices).all()
    assert part.vertices.max() < 5 < whole.vertices.max()
    assert not len(body(np.full((33, 3), np.nan), SKELETON).triangles)


@pytest.mark.parametrize("share", [0.25, 0.6, 0.9])
def test_a_sieve_keeps_the_share_that_is_opaque(share, rng):
    paint = np.array([[1.0, 1, 1, share]]).repeat(20, axis=0)
    mesh = rods(rng.normal(size=(20, 3)), rng.normal(size=(20, 3)), 0.1, paint)
    assert len(sieve(mesh)) / len(mesh.triangles) == pytest.approx(share, abs=0.02)


def test_what_is_opaque_passes_the_sieve_whole_and_light_leaves_the_unlit_as_it_is(rng):
    mesh = balls(rng.normal(size=(5, 3)), 0.1, RED.repeat(5, axis=0))
    assert sieve(mesh) is mesh.triangles
    assert len(np.unique(shade(mesh)[:, 0].round(3))) > 20
    plain = balls(np.zeros((1, 3)), 0.1, RED, lit=False)
    np.testing.assert_array_equal(shade(plain), plain.colours[:, :3])


def test_a_view_projects_its_target_into_the_middle_and_up_is_up():
    view = View(eye=(1, -3, 2), target=(0.2, 0.1, 0.5))
    np.testing.assert_allclose(view.project([0.2, 0.1, 0.5], (640, 480)), [319.5, 239.5])
    assert view.project([0.2, 0.1, 0.6], (640, 480))[1] < 239
    assert np.isnan(view.project([2, -6, 4], (640, 480))).all()  # behind
    np.testing.assert_allclose(np.linalg.det(view.turn()), 1)


def test_turning_and_moving_keep_the_distance_and_zooming_does_not():
    view = View(eye=(0, -2, 1), target=(0, 0, 0))
    length = np.sqrt(5)
    for other in (view.orbited(0.7, 0.2), view.orbited(0, 9), view.slid(0.3, 0.1)):
        assert np.linalg.norm(np.subtract(other.eye, other.target)) == pytest.approx(length)
    assert view.orbited(0.1, 0).eye[0] < 0  # the scene turns with the hand, the eye against it
    assert view.slid(0.3, 0.1).target != view.target
    assert np.linalg.norm(view.zoomed(0.5).eye) == pytest.approx(length / 2)
    assert np.linalg.norm(view.zoomed(1e-9).eye) > 0.1


def test_a_camera_without_a_place_gets_the_one_that_sets_people_into_seats():
    found = place(camera(), solid(), SKELETON, "auto")
    assert np.linalg.norm(found.to_world(np.zeros(3)) - mirror().center) < 0.15
    for joints in solid().values():
        shoulders = found.to_world(joints[:, [11, 12]]).mean(axis=(0, 1))
        assert abs(abs(shoulders[0]) - 0.36) < 0.1


def test_a_place_that_is_known_stays_and_without_a_car_people_stand_upright():
    posed = camera(posed=True)
    assert place(posed, solid(), SKELETON, "dash") is posed
    free = place(camera(), solid(), SKELETON, None)
    joints = free.to_world(solid()["driver"][0])
    assert joints[0, 2] > joints[[11, 12], 2].max() > joints[[23, 24], 2].max()  # nose above hips


def test_a_mount_that_is_none_is_told():
    with pytest.raises(SettingError, match="auto, null or one of mirror, dash"):
        place(camera(), solid(), SKELETON, "bonnet")


def test_the_image_plane_fills_what_the_camera_sees():
    posed = camera(posed=True)
    corners = posed.project(posed.to_camera(surroundings.image_corners(posed)))
    np.testing.assert_allclose(
        corners, [(-0.5, -0.5), (639.5, -0.5), (639.5, 479.5), (-0.5, 479.5)], atol=1e-6
    )


def test_trails_leave_out_what_is_unknown():
    points = np.zeros((10, 1, 3))
    points[:, 0, 0] = np.arange(10)
    points[4] = np.nan
    mesh = surroundings.trails(points, (1, 1, 1))
    one = rods(np.zeros((1, 3)), np.ones((1, 3)), 0.1, RED)
    assert len(mesh.triangles) == 7 * len(one.triangles)  # nine steps, two of them to nowhere
    first, last = mesh.colours[0, :3], mesh.colours[-1, :3]
    assert last.min() == 1 > first.max()


def test_the_car_has_no_roof_unless_it_is_asked_for():
    assert surroundings.car().vertices[:, 2].max() < 1.25
    assert surroundings.car(shell=True).vertices[:, 2].max() > 1.3


def test_meshes_merge_and_layers_go():
    one = balls(np.zeros((1, 3)), 0.1, RED)
    both = merge([one, one.moved((1, 0, 0))])
    assert both.triangles.max() == len(both.vertices) - 1
    scene = Scene(meshes={"a": one, "b": one}, labels=[Label(text="x", place=np.zeros(3))])
    assert list(scene.without(frozenset({"a"})).meshes) == ["b"]
    assert scene.without(frozenset({"names"})).labels == ()
    assert isinstance(merge([]), Mesh)


def test_the_bar_shows_how_far_it_is_and_what_colours_mean():
    scene = Scene(caption="frame 7", progress=0.5, legend=[("left", (1.0, 0.0, 0.0))])
    image = lettering.bar(scene, 400, 1.0)
    np.testing.assert_array_equal(image[0, 100], np.round(255 * np.array(colours.LEFT)))
    assert (image[0, 300] == np.round(255 * np.array(colours.GRID))).all()
    assert (image == [255, 0, 0]).all(axis=-1).any()
    assert len(lettering.bar(scene, 400, 1.0, ("a", "b"))) > len(image)
    assert lettering.word("füße", (1, 1, 1), 1.0).max() > 200  # no letter is too odd


def test_a_head_is_between_the_ears_and_a_neck_below_it():
    points = np.full((33, 3), np.nan)
    ears = SKELETON.indices(["left_ear", "right_ear"])
    points[ears] = [(0.07, 0, 1.0), (-0.07, 0, 1.0)]
    without_neck = body(points, SKELETON)
    away = np.linalg.norm(without_neck.vertices - [0, 0, 1.0], axis=1)
    assert away.max() == pytest.approx(0.6 * 0.14, abs=1e-3)
    points[SKELETON.indices(["left_shoulder", "right_shoulder"])] = [(0.2, 0, 0.8), (-0.2, 0, 0.8)]
    middle = np.abs(body(points, SKELETON).vertices[:, :2]).max(axis=1) < 0.05
    assert body(points, SKELETON).vertices[middle, 2].min() < 0.85
    assert len(body(points, SKELETON).vertices) > len(without_neck.vertices)
    points[ears[0]] = np.nan
    assert body(points, SKELETON).vertices[:, 2].max() < 1.03  # no head without both ears


def test_what_is_translucent_is_split_into_solid_scenes():
    solid, half = balls(np.zeros((1, 3)), 0.1, RED), balls(np.ones((1, 3)), 0.1, RED * HALF)
    scene = Scene(meshes={"solid": solid, "both": merge([solid, half])})
    found = clear.layers(scene)
    assert found.behind.meshes["solid"] is found.share.meshes["solid"] is solid
    assert len(found.behind.meshes["both"].triangles) == len(solid.triangles)
    assert (found.before.meshes["both"].colours[:, 3] == 1).all()
    share = found.share.meshes["both"]
    assert not share.lit
    assert set(share.colours[:, 0].round(3).tolist()) == {1.0, 0.5}
    assert clear.layers(Scene(meshes={"solid": solid})) is None
