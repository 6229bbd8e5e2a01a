"""Poses from what is seen of them: single precision is enough."""

import pytest
import torch

from kpcomplete import classifying
from kpcomplete.mixture import Mixture, condition_apart


@pytest.mark.parametrize("seen", [1.0, 0.97, 0.6])
def test_what_is_left_unknown_is_as_in_double_precision(seen):
    mixture = classifying.autoencoder("completer").mixture
    draw = torch.Generator().manual_seed(0)
    observed = torch.rand(20, len(mixture.joints), generator=draw) < seen
    points = mixture.mean[0].view(1, -1, 2) + 0.1 * torch.randn(20, 1, 2, generator=draw)
    found = mixture.condition(points, observed)
    right = mixture.to(torch.zeros((), dtype=torch.float64)).condition(points.double(), observed)
    # joints that are seen leave nothing: negative variances would not be factored later
    assert (found.covariance - right.covariance).abs().max() < 2e-5
    assert (found.mean - right.mean).abs().max() < 1e-3


def test_each_frame_may_ask_a_mixture_of_its_own():
    draw = torch.Generator().manual_seed(0)
    root = torch.randn(3, 2, 6, 6, generator=draw).tril() + 3 * torch.eye(6)
    mixtures = [
        Mixture(joints=torch.arange(3), weight=torch.tensor([0.4, 0.6]),
                mean=torch.randn(2, 6, generator=draw), covariance=r @ r.mT)
        for r in root
    ]  # fmt: skip
    points = torch.randn(40, 3, 2, generator=draw)
    observed = torch.rand(40, 3, generator=draw) < 0.5
    which = torch.randint(2, (40,), generator=draw) * 2  # nobody asks the second one
    found = condition_apart(mixtures, points, observed, which)
    for number in range(40):
        one = slice(number, number + 1)
        alone = mixtures[int(which[number])].condition(points[one], observed[one])
        for name in ("mean", "covariance", "doubtful"):
            torch.testing.assert_close(getattr(found, name)[one], getattr(alone, name))
