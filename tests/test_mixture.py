"""Poses from what is seen of them: single precision is enough."""

import pytest
import torch

from kpcomplete import classifying


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
