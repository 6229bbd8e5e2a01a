import numpy as np
import pytest
import torch
from scipy.interpolate import Akima1DInterpolator

from kpcomplete.batch import PoseBatch
from kpcomplete.completer import estimate
from kpcomplete.completer.guided import Guided
from kpcomplete.completer.hold import Hold
from kpcomplete.completer.interpolate import Interpolate
from kpcomplete.completer.kalman import Kalman
from kpcomplete.completer.motion import Variogram
from kpcomplete.completer.neighbours import Neighbours
from kpcomplete.errors import ModelFileError, SettingError
from kpcomplete.mixture import DOUBT, Mixture

# a random walk of 2 body units squared per second
WALK = {"lags": torch.tensor([1.0, 10.0]), "squares": torch.tensor([[2.0], [20.0]]).expand(2, 33)}


def track(xs, times=None):
    """Return one window whose joint 0 goes along x; None is missing, all others too."""
    points = torch.full((1, len(xs), 33, 2), torch.nan)
    for t, x in enumerate(xs):
        if x is not None:
            points[0, t, 0] = torch.tensor([x, -x])
    batch = PoseBatch.from_keypoints(points, fps=1.0)
    if times is None:
        return batch
    return PoseBatch(keypoints=batch.keypoints, confidence=batch.confidence,
                     observed=batch.observed, times=torch.tensor([times]))  # fmt: skip


def test_hold_keeps_the_last_sight_as_long_as_asked():
    done = Hold(weights=WALK, max_gap=2.0)(track([None, 3.0, None, None, None]))
    assert done.observed[0, :, 0].tolist() == [False, True, True, True, False]
    assert done.keypoints[0, :, 0, 0].tolist() == [0, 3, 3, 3, 0]
    torch.testing.assert_close(done.covariance[0, 3, 0], 4.0 * torch.eye(2))  # 2 s of the walk


def test_linear_goes_by_seconds_and_not_by_frames():
    done = Interpolate(weights=WALK)(track([None, 0.0, None, 8.0, None], [0.0, 1, 2, 5, 6]))
    assert done.keypoints[0, :, 0, 0].tolist() == [0, 0, 2, 8, 8]
    variance = done.covariance[0, :, 0, 0, 0]
    # outside a walk of 1 s; inside a Brownian bridge: 2 * 1 * 3 / 4
    torch.testing.assert_close(variance, torch.tensor([2.0, 0, 1.5, 0, 2.0]))
    kept = Interpolate(weights=WALK, max_gap=3.9)(track([0.0, None, 8.0], [1.0, 2, 5]))
    assert kept.observed[0, :, 0].tolist() == [True, False, True]


@pytest.mark.parametrize("seen", [[0, 1, 4, 6, 9, 12], [0, 5], [0, 3, 9], [2, 3, 4, 11]])
def test_akima_agrees_with_scipy(seen):
    values = np.random.default_rng(3).normal(size=13)
    times = np.cumsum([0.0, 1, 1, 2, 1, 1, 3, 1, 1, 1, 0.5, 1, 1])
    xs = [float(v) if i in seen else None for i, v in enumerate(values)]
    done = Interpolate(kind="akima", weights=WALK)(track(xs, times.tolist()))
    inside = slice(seen[0], seen[-1] + 1)
    wanted = Akima1DInterpolator(times[seen], values[seen])(times[inside])
    np.testing.assert_allclose(done.keypoints[0, inside, 0, 0], wanted, atol=1e-4)


def test_variogram_bends_and_saturates():
    bent = Variogram(lags=torch.tensor([1.0, 2.0]), squares=torch.tensor([[3.0], [4.0]]))
    seconds = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 99.0])[None, :, None]
    torch.testing.assert_close(bent(seconds)[0, :, 0], torch.tensor([0, 1.5, 3, 3.5, 4, 4]))


def test_a_mixture_conditions_as_the_textbook_says():
    covariance = torch.tensor([[2.0, 0, 1, 0], [0, 2, 0, 1], [1, 0, 3, 0], [0, 1, 0, 3]])
    one = Mixture(joints=torch.tensor([0, 1]), weight=torch.ones(1),
                  mean=torch.tensor([[1.0, 1, 5, 5]]), covariance=covariance[None])  # fmt: skip
    points = torch.tensor([[[3.0, 1.0], [99.0, 99.0]]])
    found = one.condition(points, torch.tensor([[True, False]]), torch.zeros(1, 2, 2))
    torch.testing.assert_close(found.mean[0, 1], torch.tensor([6.0, 5.0]))  # 5 + 1/2 * 2
    torch.testing.assert_close(found.covariance[0, 1], 2.5 * torch.eye(2))  # 3 - 1/2
    torch.testing.assert_close(found.shift[0, 1], torch.tensor([1.5, 0.5]))
    two = Mixture(joints=one.joints, weight=torch.tensor([0.5, 0.5]),
                  mean=torch.tensor([[0.0, 0, 5, 5], [50.0, 50, 7, 7]]),
                  covariance=torch.eye(4).expand(2, 4, 4))  # fmt: skip
    near = two.condition(torch.tensor([[[50.0, 50], [0, 0]]]), torch.tensor([[True, False]]))
    torch.testing.assert_close(near.mean[0, 1], torch.tensor([7.0, 7.0]))
    nearly = torch.tensor([[[25.0, 25.1], [0, 0]]])  # 5 nearer to the second, in halved squares
    found = two.condition(nearly, torch.tensor([[True, False]]))
    share = torch.tensor([5.0, 5.0 / DOUBT]).sigmoid()
    torch.testing.assert_close(found.mean[0, 1, 0], 5 + 2 * share[0], rtol=1e-4, atol=0)
    torch.testing.assert_close(found.doubtful[0, 1, 0], 5 + 2 * share[1], rtol=1e-4, atol=0)
    middle = two.condition(torch.tensor([[[25.0, 25], [0, 0]]]), torch.tensor([[True, False]]))
    torch.testing.assert_close(middle.covariance[0, 1], torch.eye(2) + 1.0)  # 1 apart either way


def test_expectation_maximisation_finds_the_gaussian_behind_holes():
    generator = torch.Generator().manual_seed(0)
    factor = torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0], [0.8, 0, 0.3, 0], [0, -0.8, 0, 0.3]])
    points = (torch.randn(6000, 4, generator=generator) @ factor.T + 2).reshape(-1, 2, 2)
    points[torch.rand(6000, 2, generator=generator) < 0.3] = torch.nan
    mean, covariance = estimate.gaussian(points, rounds=30)
    torch.testing.assert_close(mean.float(), torch.full((4,), 2.0), atol=0.06, rtol=0)
    torch.testing.assert_close(covariance.float(), factor @ factor.T, atol=0.06, rtol=0)


def test_neighbours_are_found_by_what_is_seen():
    weights = {"joints": torch.tensor([0, 1]), "spread": torch.zeros(2),
               "poses": torch.tensor([[[0.0, 0], [1, 1]], [[0.2, 0], [3, 3]],
                                      [[9.0, 0], [7, 7]]])}  # fmt: skip
    done = Neighbours(k=2, weights=weights)(track([0.1]))
    torch.testing.assert_close(done.keypoints[0, 0, 1], torch.tensor([2.0, 2.0]))
    torch.testing.assert_close(done.covariance[0, 0, 1], torch.ones(2, 2))
    with pytest.raises(SettingError, match=r"k must lie in 1..3, but got 4"):
        Neighbours(k=4, weights=weights)


def test_kalman_follows_a_steady_movement_and_then_slows_down():
    ones = torch.ones(33)
    weights = {"speed": ones, "memory": 100 * ones, "noise": 1e-6 * ones}
    steady = track([0.0, 1.0, 2.0, 3.0, None, None, 6.0])
    forward = Kalman(weights=weights)(steady)
    assert forward.keypoints[0, 4:6, 0, 0].tolist() == pytest.approx([4, 5], abs=0.1)
    both = Kalman(causal=False, weights=weights)(steady)
    assert both.keypoints[0, 4:6, 0, 0].tolist() == pytest.approx([4, 5], abs=0.02)
    assert both.covariance[0, 5, 0, 0, 0] < forward.covariance[0, 5, 0, 0, 0]
    forgetful = Kalman(weights=weights | {"memory": 1e-3 * ones})(steady)
    assert forgetful.keypoints[0, 5, 0, 0] == pytest.approx(3.0, abs=0.01)


def test_settings_and_weights_that_cannot_be():
    with pytest.raises(SettingError, match="'linear' or 'akima', but got 'cubic'"):
        Interpolate(kind="cubic", weights=WALK)
    with pytest.raises(SettingError, match=r"share in 0..1 and seconds > 0, but got share=2"):
        Guided(share=2)
    with pytest.raises(
        ModelFileError, match=r"the tensors given should hold .*, but lacks squares"
    ):
        Hold(weights={"lags": torch.ones(1)})
