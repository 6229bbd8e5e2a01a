"""What is drawn on images."""

from dataclasses import replace

import made
import numpy as np
import pytest

from kpcomplete.draw import ELLIPSE, LEFT, RIGHT, Drawn, Painter, _dashed, _ellipses

SIZE = (640, 480)


@pytest.fixture
def painter():
    return Painter(skeleton=made.SKELETON, size=SIZE)


def one(**joints):
    """A person of a few joints, each with its place and state."""
    points = np.full((33, 2), np.nan, dtype=np.float32)
    state = np.zeros(33, dtype=np.uint8)
    for name, (x, y, seen) in joints.items():
        points[made.SKELETON.index(name)] = x, y
        state[made.SKELETON.index(name)] = seen
    return Drawn(points=points, state=state)


def drawn(painter, *people, empty=()):
    canvas = np.full((SIZE[1], SIZE[0], 3), 70, dtype=np.uint8)
    painter.draw(canvas, {f"p{i}": person for i, person in enumerate(people)}, empty)
    return canvas


def colours(canvas):
    return {tuple(c) for c in canvas[:-40].reshape(-1, 3).tolist()}  # without the legend


def test_a_seen_joint_is_filled_and_a_completed_one_hollow(painter):
    seen = drawn(painter, one(left_wrist=(300, 200, 2)))
    assert tuple(seen[200, 300]) == LEFT
    completed = drawn(painter, one(left_wrist=(300, 200, 1)))
    assert tuple(completed[200, 300]) == (70, 70, 70)
    near = abs(completed[190:211, 290:311].astype(int) - LEFT).sum(axis=-1)
    assert near.min() < 60


def test_sides_have_colours(painter):
    canvas = drawn(painter, one(right_wrist=(300, 200, 2)))
    assert RIGHT in colours(canvas)
    assert LEFT not in colours(canvas)


def test_a_bone_is_drawn_whole_dashed_or_not_at_all(painter):
    def between(a, b):
        person = one(left_elbow=(200, 200, a), left_wrist=(400, 200, b))
        row = drawn(painter, person)[200, 220:380]
        return (row == np.array(LEFT)).all(axis=-1).mean()

    assert between(2, 2) == 1
    assert 0.2 < between(2, 1) < 0.7
    assert 0.2 < between(1, 1) < 0.7
    missing = one(left_elbow=(200, 200, 2))
    assert (drawn(painter, missing)[200, 220:380] == 70).all()


def test_the_ellipse_holds_ninety_percent():
    covariance = np.array([[[30.0, 12], [12, 10]]], dtype=np.float32)
    (outline,) = _ellipses(np.array([[50, 60]], dtype=np.float32), covariance, 1e9)
    offset = outline - [50, 60]
    distance = np.einsum("ni,ij,nj->n", offset, np.linalg.inv(covariance[0]), offset)
    np.testing.assert_allclose(distance, ELLIPSE**2, rtol=1e-4)
    draws = np.random.default_rng(0).multivariate_normal([0, 0], covariance[0], 20_000)
    inside = np.einsum("ni,ij,nj->n", draws, np.linalg.inv(covariance[0]), draws) < ELLIPSE**2
    assert inside.mean() == pytest.approx(0.9, abs=0.01)


def test_no_ellipse_reaches_further_than_the_limit():
    covariance = np.array([np.eye(2) * 1e8, [[0, 0], [0, 0]], [[4, 4], [4, 4]]], dtype=np.float32)
    reach = np.linalg.norm(_ellipses(np.zeros((3, 2), np.float32), covariance, 50), axis=-1)
    assert np.isfinite(reach).all()
    assert reach.max() == pytest.approx(50, rel=1e-4)


def test_dashes_start_and_end_at_the_joints():
    segments = np.array([[[0, 0], [100, 0]], [[5, 5], [5, 5]]], dtype=np.float32)
    dashes = _dashed(segments, 7)
    mine = dashes[(dashes[..., 1] == 0).all(axis=1)]
    assert mine[0, 0, 0] == 0
    assert mine[-1, 1, 0] == pytest.approx(100, rel=1e-5)
    length = mine[:, 1, 0] - mine[:, 0, 0]
    np.testing.assert_allclose(length, length[0], rtol=1e-4)
    np.testing.assert_allclose(mine[1:, 0, 0] - mine[:-1, 1, 0], length[0], rtol=1e-3)


def test_replaced_detections_are_faint(painter):
    person = one(left_wrist=(300, 200, 1))
    raw = np.full((33, 2), np.nan, dtype=np.float32)
    raw[made.SKELETON.index("left_wrist")] = 500, 300
    shown = Drawn(points=person.points, state=person.state, raw=raw)
    assert (drawn(painter, shown)[290:310, 490:510] != 70).any()
    assert (drawn(painter, person)[290:310, 490:510] == 70).all()
    seen = Drawn(points=person.points, state=person.state * 2, raw=raw)
    assert (drawn(painter, seen)[290:310, 490:510] == 70).all()


def test_names_stay_within_the_image(painter):
    plain = drawn(painter)
    for x, y in ((1, 1), (639, 479), (-500, -500)):
        canvas = drawn(painter, one(nose=(x, y, 2)))
        assert (canvas != plain).any(axis=-1).sum() > 100  # the name at least


def test_empty_seats_are_listed(painter):
    two = drawn(painter, empty=["driver", "codriver"])
    assert (two[:40] != drawn(painter)[:40]).any(axis=-1).sum() > 200


@pytest.mark.parametrize("size", [(2, 2), (64, 48), (640, 480), (1920, 1080)])
def test_any_canvas_will_do(size):
    painter = Painter(skeleton=made.SKELETON, size=size)
    canvas = np.zeros((size[1], size[0], 3), dtype=np.uint8)
    person = made.driver(1)
    shown = Drawn(
        points=person.completed.keypoints[0],
        state=person.completed.visibility[0],
        covariance=person.completed.covariance[0],
        raw=person.observed.keypoints[0],
    )
    painter.draw(canvas, {"driver": shown}, ["codriver"])
    painter.message(canvas, "nothing")
    assert canvas.any() == (size != (2, 2))


def test_lines_grow_with_the_image():
    def share(size):
        scale = size[0] / 640
        person = one(
            left_elbow=(200 * scale, 200 * scale, 2), left_wrist=(200 * scale, 300 * scale, 2)
        )
        canvas = np.full((size[1], size[0], 3), 70, dtype=np.uint8)
        Painter(skeleton=made.SKELETON, size=size).draw(canvas, {"": person})
        row = canvas[round(250 * scale)]
        return (row != 70).any(axis=-1).mean()

    assert share((2560, 1920)) == pytest.approx(share((1280, 960)), rel=0.3)


def test_lines_are_written_below_the_shoulders_in_their_colours(painter):
    person = one(left_shoulder=(350, 200, 2), right_shoulder=(250, 200, 2), nose=(300, 120, 2))
    plain = drawn(painter, person)
    said = drawn(painter, replace(person, lines=[("phone", (9, 250, 9)), ("child", (9, 9, 250))]))
    rows, columns = np.nonzero((plain != said).any(axis=-1))
    assert rows.min() > 200
    assert abs(columns.mean() - 300) < 10
    below = said.astype(int)[rows.min() :, columns.min() : columns.max()]
    green, red = below[..., 1] - below[..., 2], below[..., 2] - below[..., 1]
    assert np.nonzero(green > 90)[0].mean() + 10 < np.nonzero(red > 90)[0].mean()  # line by line
    nobody = Drawn(points=np.full((33, 2), np.nan, np.float32), state=np.zeros(33, np.uint8),
                   lines=[("phone", (9, 250, 9))])  # fmt: skip
    np.testing.assert_array_equal(drawn(painter, nobody), drawn(painter))
