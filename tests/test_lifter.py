import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from solid_people import SKELETON, seen, sight, sitter

from kpcomplete import checkpoint
from kpcomplete.cabin.cameras import draw_camera
from kpcomplete.camera import Camera
from kpcomplete.car import SHOULDERS
from kpcomplete.checkpoint import Metadata
from kpcomplete.data.solid import pinhole
from kpcomplete.errors import ModelFileError, SettingError, ShapeError, SkeletonError
from kpcomplete.lifter.bones import Bones
from kpcomplete.lifter.learned import Learned
from kpcomplete.lifter.linear import Linear
from kpcomplete.lifter.moment import Moment
from kpcomplete.lifter.placing import (
    METRES,
    OUTPUTS,
    exact,
    features,
    in_car,
    over_time,
    place,
    pose,
)
from kpcomplete.lifter.planar import Planar
from kpcomplete.lifter.sight import Sight
from kpcomplete.lifter.temporal import Temporal
from kpcomplete.pose import PoseSequence, Visibility
from kpcomplete.skeleton import Skeleton

LEFT, RIGHT = SKELETON.indices(["left_shoulder", "right_shoulder"])
BELIEVED = torch.full((33,), -9.0)


def test_a_person_is_turned_straight_ahead():
    clean = seen()
    placing = place(sight(clean), causal=False)
    middle = (placing.rays[:, :, LEFT] + placing.rays[:, :, RIGHT]) / 2
    assert middle[..., :2].abs().max() < 1e-5
    identity = placing.turn @ placing.turn.mT
    torch.testing.assert_close(identity, torch.eye(3).expand_as(identity), atol=1e-5, rtol=0)


def test_a_body_unit_is_as_wide_as_it_is_seen():
    clean = seen(windows=8)
    unit = place(sight(clean), causal=False).unit
    apart = (clean.solid[:, :, LEFT] - clean.solid[:, :, RIGHT]).norm(dim=-1)
    far = clean.solid[:, :, LEFT, 2]
    assert (unit >= 0.75 * apart / far).all()
    assert (unit <= 1.6 * apart / far).all()


@pytest.mark.parametrize("causal", [False, True])
def test_the_truth_as_output_is_the_truth(causal):
    """Whoever knows the relative pose gets the place of the person by reprojection."""
    clean = seen()
    view = sight(clean)
    placing = place(view, causal=causal)
    root = (clean.solid[:, :, LEFT] + clean.solid[:, :, RIGHT]) / 2
    turned = torch.einsum("btij,btkj->btki", placing.turn, clean.solid - root[:, :, None])
    base = torch.cat([placing.places, torch.zeros_like(placing.places[..., :1])], dim=-1)
    joints = torch.zeros(*view.given.shape, 4)
    joints[..., :3] = turned / METRES - base
    far = (root.norm(dim=-1) / (METRES / placing.unit)).log()
    size = torch.zeros_like(far)
    outputs = torch.cat(
        [joints.flatten(2), BELIEVED.expand(*size.shape, -1), size[..., None], far[..., None]],
        dim=-1,
    )
    points, std = pose(outputs, view, placing, causal=causal)
    torch.testing.assert_close(points, clean.solid, atol=2e-3, rtol=0)
    assert std.shape == view.std.shape


def test_the_place_is_found_without_knowing_how_far_it_is():
    clean = seen(windows=4)
    view = sight(clean)
    placing = place(view, causal=False)
    root = (clean.solid[:, :, LEFT] + clean.solid[:, :, RIGHT]) / 2
    turned = torch.einsum("btij,btkj->btki", placing.turn, clean.solid - root[:, :, None])
    base = torch.cat([placing.places, torch.zeros_like(placing.places[..., :1])], dim=-1)
    joints = torch.zeros(*view.given.shape, 4)
    joints[..., :3] = turned / METRES - base
    wrong = torch.full((*view.given.shape[:2], 2), 0.3)
    wrong[..., 0] = 0.0
    outputs = torch.cat([joints.flatten(2), BELIEVED.expand(*wrong.shape[:2], -1), wrong], dim=-1)
    points, _ = pose(outputs, view, placing, causal=False)
    guess = METRES / placing.unit * math.exp(0.3)
    off = (points[:, :, LEFT, 2] - clean.solid[:, :, LEFT, 2]).abs()
    assert (off < 0.5 * (guess - root.norm(dim=-1)).abs()).all()


@pytest.mark.parametrize("doubted", [False, True])
def test_a_joint_that_is_not_believed_stays_off_its_ray(doubted):
    clean = seen()
    hip = SKELETON.index("left_hip")
    moved = clean.keypoints.clone()
    moved[:, :, hip, 1] -= 0.3 * clean.focal[:, None]
    truth, view = sight(clean), sight(replace(clean, keypoints=moved))
    placing = place(truth, causal=False)
    root = (clean.solid[:, :, LEFT] + clean.solid[:, :, RIGHT]) / 2
    turned = torch.einsum("btij,btkj->btki", placing.turn, clean.solid - root[:, :, None])
    other = place(view, causal=False)
    base = torch.cat([other.places, torch.zeros_like(other.places[..., :1])], dim=-1)
    joints = torch.zeros(*view.given.shape, 4)
    joints[..., :3] = turned / METRES - base
    doubt = BELIEVED.expand(*joints.shape[:2], -1).clone()
    doubt[..., hip] = 6.0 if doubted else -9.0
    far = (root.norm(dim=-1) / (METRES / other.unit)).log()
    outputs = torch.cat([joints.flatten(2), doubt, torch.zeros_like(far)[..., None],
                         far[..., None]], dim=-1)  # fmt: skip
    points, _ = pose(outputs, view, other, causal=False)
    off = (points - clean.solid)[:, :, hip].norm(dim=-1)
    assert (off < 0.02).all() if doubted else (off > 0.1).all()


def test_a_mean_over_time_may_look_back_only():
    values = torch.tensor([[1.0, 3.0, 8.0]])
    ones = torch.ones_like(values)
    assert over_time(values, ones, causal=True).tolist() == [[1, 2, 4]]
    assert over_time(values, ones, causal=False).tolist() == [[4, 4, 4]]


def test_geometry_is_exact_where_networks_are_not():
    a = torch.rand(4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(exact(torch.matmul)(a, a).float(), exact(torch.matmul)(a, a))
    with torch.autocast("cpu", torch.bfloat16):
        inside = exact(torch.matmul)(a, a)
    assert torch.equal(inside, a @ a)


@pytest.mark.parametrize("network", [Temporal(width=16), Linear(width=16)])
def test_networks_learn_to_lift_what_they_see_again_and_again(network):
    torch.manual_seed(0)
    clean, view = seen(), sight(seen())
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    errors = []
    for _ in range(60):
        found = network(view, causal=False).points
        error = (found - clean.solid).norm(dim=-1).mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(float(error.detach()))
    assert errors[-1] < 0.25 * errors[0]


def test_the_receptive_field_is_what_a_frame_depends_on():
    torch.manual_seed(0)
    network = Temporal(width=8, dilations=(1, 2)).eval()
    torch.nn.init.normal_(network.decode.weight)
    hidden = torch.randn(1, 30, 8, requires_grad=True)
    out = hidden
    for block in network.blocks:
        out = block(out, causal=False)
    out[0, 15].sum().backward()
    (touched,) = hidden.grad[0].abs().sum(dim=-1).nonzero(as_tuple=True)
    assert network.receptive_field == 7
    assert touched.min() == 12
    assert touched.max() == 18


def test_bones_keep_their_lengths_and_directions():
    rng = torch.Generator().manual_seed(0)
    clean = seen(windows=1, time=40).solid[0]
    shaken = clean + 0.01 * torch.randn(clean.shape, generator=rng)
    bones = Bones.fit(shaken, torch.full(clean.shape[:2], 0.01))
    rigid = bones.apply(shaken)
    for joints in (("left_elbow", "left_wrist"), ("right_hip", "right_knee"), ("nose", "left_ear"),
                   ("left_shoulder", "right_shoulder"), ("left_heel", "left_foot_index"),
                   ("right_wrist", "right_thumb")):  # fmt: skip
        first, second = SKELETON.indices(joints)
        length = (rigid[:, first] - rigid[:, second]).norm(dim=-1)
        true = (clean[:, first] - clean[:, second]).norm(dim=-1)
        assert length.std() < 1e-5
        assert length.mean() == pytest.approx(float(true.mean()), abs=0.012)
    assert (rigid - clean).norm(dim=-1).mean() < 0.03


def test_bones_leave_alone_what_fits():
    clean = seen(windows=1, time=10).solid[0]
    bones = Bones.fit(clean, torch.full(clean.shape[:2], 0.01))
    torch.testing.assert_close(bones.apply(clean), clean, atol=1e-4, rtol=0)


def test_left_and_right_limbs_are_equally_long():
    clean = seen(windows=1, time=10).solid[0].clone()
    wrist, elbow = SKELETON.indices(["left_wrist", "left_elbow"])
    clean[:, wrist] = clean[:, elbow] + 1.2 * (clean[:, wrist] - clean[:, elbow])
    bones = Bones.fit(clean, torch.full(clean.shape[:2], 0.01))
    assert bones.lengths[3:7].tolist() == bones.lengths[7:].tolist()


def sequence(skeleton=SKELETON, size=(640, 480)):
    points = np.random.default_rng(0).uniform(100, 400, (5, len(skeleton), 2))
    points[:, 3] = np.nan
    return PoseSequence.observed(points, skeleton=skeleton, fps=30.0, image_size=size)


def test_what_was_completed_is_given_but_not_seen():
    camera = Camera.from_field_of_view((640, 480), 70)
    poses = sequence()
    filled = poses.visibility.copy()
    filled[:, 5] = Visibility.COMPLETED
    covariance = np.zeros((5, 33, 2, 2), np.float32)
    covariance[:, 5] = np.eye(2) * 9
    done = PoseSequence(**{**vars(poses), "visibility": filled, "covariance": covariance})
    view = Sight.of(done, camera)
    assert view.given[0, :, 5].all()
    assert not view.seen[0, :, 5].any()
    assert not view.given[0, :, 3].any()
    torch.testing.assert_close(view.std[0, 0, 5], torch.tensor(3 / camera.fx).float())
    assert not view.std[0, :, 6].any()


def test_other_skeletons_and_images_are_refused():
    camera = Camera.from_field_of_view((640, 480), 70)
    with pytest.raises(SkeletonError, match="lifters know the joints of 'blazepose33'"):
        Sight.of(sequence(Skeleton.load("coco17")), camera)
    with pytest.raises(ShapeError, match="is in images of 320 x 240"):
        Sight.of(sequence(size=(320, 240)), camera)


def test_a_cut_out_is_flat_and_knows_nothing_of_what_is_missing():
    clean = seen()
    gone = torch.zeros_like(clean.observed)
    gone[:, :, 25:] = True
    found = Planar()(sight(clean, gone))
    assert found.points[:, :, 25:].isnan().all()
    turned = torch.einsum(
        "btij,btkj->btki", place(sight(clean, gone), causal=False).turn, found.points
    )[:, :, :25]
    assert turned[..., 2].std(dim=-1).max() < 0.12
    with pytest.raises(SettingError, match="must be positive"):
        Planar(metres=0.0)


def test_files_of_something_else_are_refused(tmp_path):
    path = tmp_path / "it.safetensors"
    with pytest.raises(ModelFileError, match="must hold a lifter, but holds"):
        Learned(weights="gate")
    network = Temporal(width=8)
    about = Metadata.of(network, {})
    other = Metadata(**{**vars(about), "skeleton": Skeleton.load("coco17")})
    checkpoint.save(path, network.state_dict(), other)
    with pytest.raises(ModelFileError, match="was trained for those of 'coco17'"):
        Learned(weights=path)
    assert OUTPUTS == 5 * 33 + 2


def in_seat(kind, seat, size=1.0):
    """Return a sitter in a seat of the car as a camera sees it, and how the car lies about it."""
    eye = draw_camera(kind, (640, 480), np.random.default_rng(1))
    body = size * sitter() * np.array([1, 1, -1], np.float32)  # left, up, back
    cabin = body[:, [0, 2, 1]] + SHOULDERS[seat]
    solid = torch.from_numpy(eye.view(cabin).astype(np.float32))[None, None]
    where = np.column_stack([eye.turn, -eye.turn @ eye.center]).astype(np.float32)
    clean = pinhole(solid, torch.tensor([float(eye.fx)]), fps=30.0)
    shown = sight(replace(clean, mounting=torch.from_numpy(where)[None]))
    return eye, shown, in_car(shown.mounting, place(shown, causal=False))[0, 0]


@pytest.mark.parametrize("kind", ["mirror", "dash", "pillar"])
@pytest.mark.parametrize("seat", range(4))
def test_the_car_says_where_somebody_would_sit(kind, seat):
    eye, _, found = in_seat(kind, seat)
    up, back, camera, front, first, rear, second, known = found.split([3, 3, 3, 3, 1, 3, 1, 1])
    there, size = (front, first) if seat < 2 else (rear, second)
    np.testing.assert_allclose(camera, eye.center, atol=1e-5)
    np.testing.assert_allclose(there, SHOULDERS[seat], atol=0.02)
    assert float(up @ back) == pytest.approx(0.0, abs=1e-5)
    assert float(up[1]) < -0.5  # the car's roof is above people
    assert abs(float(size)) < 0.2
    assert float(second) > float(first) + 0.3  # in the rear the same size means somebody larger
    assert float(known) == 1.0


def test_a_child_in_a_seat_is_small_and_not_far_away():
    adult, child = (float(in_seat("mirror", 1, size)[2][12]) for size in (1.0, 0.7))
    assert child - adult == pytest.approx(np.log(0.7), abs=0.05)


def test_of_an_unknown_place_nothing_is_told():
    _, shown, _ = in_seat("mirror", 0)
    nowhere = replace(shown, mounting=torch.zeros_like(shown.mounting))
    assert not in_car(nowhere.mounting, place(nowhere, causal=False)).any()


@pytest.mark.parametrize("kind", ["mirror", "door"])
def test_frame_by_frame_the_car_lies_as_in_windows(kind):
    _, shown, _ = in_seat(kind, 1)
    placing = place(shown, causal=True)
    moment = Moment.of(*(x.numpy()[:, 0] for x in (shown.rays, shown.given, shown.seen, shown.std)))
    found = moment.features(placing.unit[:, 0].double().numpy(), shown.mounting[:, 0].numpy())
    expected = features(shown, placing)[:, 0]
    torch.testing.assert_close(torch.from_numpy(found), expected, atol=1e-4, rtol=1e-4)
