"""Corruptions that look like a car: things in front, the image's border, a detector's errors."""

from dataclasses import replace

import pytest
import torch

from kpcomplete.batch import PoseBatch
from kpcomplete.corruption.detector_noise import DetectorNoise
from kpcomplete.corruption.occluder import Occluder
from kpcomplete.corruption.swaps import Swaps
from kpcomplete.corruption.truncation import Truncation
from kpcomplete.errors import SettingError
from kpcomplete.skeleton import Skeleton

SKELETON = Skeleton.load("blazepose33")


def still(size=200, time=30, seed=0):
    """People who do not move."""
    keypoints = torch.randn(size, 1, 33, 2, generator=torch.Generator().manual_seed(seed))
    return PoseBatch.from_keypoints(keypoints.expand(size, time, 33, 2).clone())


@pytest.mark.parametrize("shape", ["box", "ellipse"])
def test_a_fixed_occluder_hides_a_neighbourhood_for_good(shape):
    batch = still()
    out = Occluder(shapes=[shape], speed=0, smallest=1.0, largest=1.0)(batch)
    hidden = ~out.observed
    assert (hidden == hidden[:, :1]).all()
    reach = 2**0.5 if shape == "box" else 1.0  # from corner to corner, from side to side
    seen_some = 0
    for row in range(len(batch)):
        points = batch.keypoints[row, 0, hidden[row, 0]]
        if len(points) > 1:
            assert torch.pdist(points).max() <= reach + 1e-5
            seen_some += 1
    assert seen_some > 50


def test_nothing_between_hidden_joints_is_seen():
    """A shape is convex: what lies between two hidden joints is below it as well."""
    keypoints = still(300).keypoints
    keypoints[:, :, 2] = (keypoints[:, :, 0] + keypoints[:, :, 1]) / 2
    batch = PoseBatch.from_keypoints(keypoints)
    hidden = ~Occluder(smallest=2.0, largest=3.0)(batch).observed
    both = hidden[..., 0] & hidden[..., 1]
    assert both.any()
    assert hidden[..., 2][both].all()


def test_a_moving_occluder_uncovers_what_it_hid():
    hidden = ~Occluder(speed=2.0)(still()).observed
    assert (hidden.any(dim=1) & ~hidden.all(dim=1)).float().mean() > 0.1


def test_an_occluder_comes_to_some_windows():
    lost = (~Occluder(ratio=0.5, smallest=3.0, largest=3.0)(still(600)).observed).any(dim=(1, 2))
    assert 0.4 < lost.float().mean() < 0.55
    assert Occluder(ratio=0.0)(still()).observed.all()


@pytest.mark.parametrize(
    ("side", "axis", "sign"), [("left", 0, 1), ("right", 0, -1), ("top", 1, 1), ("bottom", 1, -1)]
)
def test_a_cut_separates_what_is_lost_from_what_is_left(side, axis, sign):
    batch = still()
    out = Truncation(sides=[side], most=0.5)(batch)
    hidden = ~out.observed[:, 0]
    place = sign * batch.keypoints[:, 0, :, axis]
    lost = place.masked_fill(~hidden, -torch.inf).amax(dim=1)
    left = place.masked_fill(hidden, torch.inf).amin(dim=1)
    assert (lost < left).all()
    middle = (place.amin(dim=1) + place.amax(dim=1)) / 2
    assert (lost <= middle).all()
    assert hidden.any(dim=1).float().mean() > 0.6
    assert Truncation(sides=[side], ratio=0.0)(batch).observed.all()


def test_a_swap_exchanges_a_limb_for_a_while():
    batch = replace(still(20, 60), confidence=torch.rand(20, 60, 33))
    out = Swaps(parts=["left_forearm"], ratio=0.5, hold=10)(batch)
    mirrored = batch.keypoints[:, :, SKELETON.mirror]
    moved = (out.keypoints != batch.keypoints).any(dim=-1)
    torch.testing.assert_close(out.keypoints[moved], mirrored[moved])
    torch.testing.assert_close(
        out.confidence[moved], batch.confidence[:, :, SKELETON.mirror][moved]
    )
    names = {SKELETON.joints[j] for j in moved.any(dim=(0, 1)).nonzero().flatten()}
    assert names == {
        f"{s}_{j}" for s in ("left", "right") for j in ("elbow", "wrist", "pinky", "index", "thumb")
    }
    wrist = moved[:, :, SKELETON.index("left_wrist")]
    assert 0.35 < wrist.float().mean() < 0.65
    assert (wrist.view(20, 6, 10) == wrist.view(20, 6, 10)[..., :1]).all()


def test_a_joint_whose_counterpart_is_lost_is_not_swapped():
    batch = still(5)
    gone = torch.arange(33) == SKELETON.index("right_wrist")
    batch = batch.hide(gone.expand_as(batch.observed))
    out = Swaps(parts=["arms"], ratio=1.0)(batch)
    wrist, elbow = SKELETON.index("left_wrist"), SKELETON.index("left_elbow")
    assert torch.equal(out.keypoints[:, :, wrist], batch.keypoints[:, :, wrist])
    assert not torch.equal(out.keypoints[:, :, elbow], batch.keypoints[:, :, elbow])


def offsets(batch, **settings):
    out = DetectorNoise(**settings)(batch)
    return (out.keypoints - batch.keypoints), out.confidence


def test_detector_noise_is_the_measured_mixture():
    """Wrists err a lot in 28 % of key frames, evenly within 0.03; the nose hardly ever does."""
    moved, _ = offsets(still(4000, 1), unit=1.0)
    large = (moved.abs() > 4 * 0.0053).any(dim=-1).float().mean(dim=(0, 1))
    outside = 1 - (4 * 0.0053 / 0.03) ** 2
    assert large[SKELETON.index("left_wrist")].item() == pytest.approx(0.284 * outside, abs=0.02)
    assert large[SKELETON.index("nose")].item() == pytest.approx(0.016 * outside, abs=0.01)
    assert moved.abs().max() < 0.03 + 5 * 0.002
    twice, _ = offsets(still(4000, 1), unit=2.0)
    torch.testing.assert_close(twice, 2 * moved, atol=1e-5, rtol=1e-3)


def test_detector_noise_changes_slowly_but_trembles():
    moved, _ = offsets(still(500, 90), unit=1.0, hold=9)
    step = moved.diff(dim=1)[:, :, 0].std().item()
    assert 0.002 < step < 0.0045  # trembling alone: 0.002 * sqrt(2)
    apart = (moved[:, 0:72, 0] - moved[:, 18:90, 0]).std().item()
    assert apart == pytest.approx((2 * (0.0035**2 + 0.002**2)) ** 0.5, rel=0.35)


def test_confidence_follows_the_error():
    batch = still(2000, 1)
    moved, confidence = offsets(batch, unit=1.0)
    distance = moved.norm(dim=-1)
    near, far = confidence[distance < 0.004].mean(), confidence[distance > 0.025].mean()
    assert near > 0.85
    assert far < 0.65
    assert (confidence >= 0).all()
    assert (confidence <= 1).all()
    half = replace(batch, confidence=0.5 * batch.confidence)
    assert DetectorNoise()(half).confidence.max() <= 0.5


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Occluder(smallest=2, largest=1), "0 < smallest <= largest and speed >= 0"),
        (lambda: Occluder(shapes=["star"]), r"shapes must be some of box, ellipse, but got \['st"),
        (lambda: Truncation(sides=["front"]), "sides must be some of left, right, top, bottom"),
        (lambda: Truncation(most=2), r"most must be a share in 0\.\.1, but got 2"),
        (lambda: Swaps(parts=["tail"]), "parts must be some of"),
        (lambda: DetectorNoise(unit=0), "unit > 0 and strength >= 0, but got unit=0"),
    ],
)
def test_settings_that_cannot_be(make, text):
    with pytest.raises((SettingError, ValueError), match=text):
        make()
