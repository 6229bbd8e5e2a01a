from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kpcomplete.batch import Memory, PoseBatch, within_radius
from kpcomplete.errors import ShapeError
from kpcomplete.pose import PoseSequence
from kpcomplete.skeleton import Skeleton


def test_hidden_values_are_gone():
    batch = PoseBatch.from_keypoints(torch.rand(2, 5, 33, 2) + 1)
    hidden = torch.rand(2, 5, 33) < 0.5
    after = batch.hide(hidden)
    assert (after.keypoints[hidden] == 0).all()
    assert (after.confidence[hidden] == 0).all()
    assert torch.equal(after.observed, ~hidden)
    assert torch.equal(after.keypoints[~hidden], batch.keypoints[~hidden])


def test_nan_is_not_observed():
    points = torch.zeros(1, 1, 33, 2)
    points[0, 0, 4, 1] = torch.nan
    batch = PoseBatch.from_keypoints(points)
    assert batch.observed.sum() == 32
    assert batch.keypoints.isfinite().all()


def test_sequences_of_different_length_do_not_stack(rng):
    def sequence(length):
        return PoseSequence.observed(rng.random((length, 17, 2)), skeleton=Skeleton.load("coco17"),
                                     fps=30, image_size=(9, 9))  # fmt: skip

    assert PoseBatch.from_sequences([sequence(3), sequence(3)]).keypoints.shape == (2, 3, 17, 2)
    with pytest.raises(ShapeError, match="must agree in length and skeleton"):
        PoseBatch.from_sequences([sequence(3), sequence(4)])


def test_times_keep_their_precision_late_in_a_recording(rng):
    late = PoseSequence.observed(rng.random((3, 17, 2)), skeleton=Skeleton.load("coco17"), fps=30,
                                 image_size=(9, 9), times=36000 + np.arange(3) / 30)  # fmt: skip
    times = PoseBatch.from_sequences([late]).times[0]
    torch.testing.assert_close(times, torch.arange(3) / 30, atol=1e-6, rtol=0)


def test_concatenate_and_select():
    a, b = (PoseBatch.from_keypoints(torch.rand(n, 4, 33, 2)) for n in (2, 3))
    both = PoseBatch.concatenate([a, b])
    assert torch.equal(both.select(slice(2, 5)).keypoints, b.keypoints)
    assert torch.equal(both.frames(slice(1, 3)).times, both.times[:, 1:3])


def test_pieces_are_shorter_windows_with_the_memory_of_the_long_ones():
    memory = Memory(mean=torch.rand(2, 33, 2), count=torch.ones(2, 33))
    whole = replace(PoseBatch.from_keypoints(torch.rand(2, 8, 33, 2)), memory=memory)
    pieces = whole.pieces(3)
    assert pieces.keypoints.shape == (4, 3, 33, 2)  # two frames of each window are left over
    assert torch.equal(pieces.keypoints[3], whole.keypoints[1, 3:6])
    assert torch.equal(pieces.times[2], whole.times[1, :3])
    assert torch.equal(pieces.memory.mean[1], memory.mean[0])


@given(st.floats(0.3, 3), st.floats(0.3, 3), st.floats(-0.9, 0.9), st.floats(0.1, 4))
def test_probability_within_a_radius_agrees_with_sampling(a, b, rho, radius):
    covariance = torch.tensor([[a * a, rho * a * b], [rho * a * b, b * b]])
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(40000, 2, generator=generator)
    drawn = noise @ torch.linalg.cholesky(covariance).T
    share = (drawn.norm(dim=-1) < radius).float().mean()
    assert abs(within_radius(covariance, radius) - share) < 0.012


def test_probability_of_a_point_is_one():
    assert within_radius(torch.eye(2) * 1e-8, 0.1) > 0.999
