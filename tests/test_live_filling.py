"""What a live frame fills in is what a window of it does."""

from dataclasses import replace

import pytest
import torch
from test_streaming import FPS, frame, network, people

from kpcomplete.completer.filling import filled
from kpcomplete.completer.live import Live
from kpcomplete.model.streaming import Stream


@pytest.mark.parametrize("max_std", [None, 0.5])
def test_live_frames_are_filled_in_as_windows_are(max_std):
    made, batch = network(), people(time=20)
    live, stream = Live(made, window=30, max_std=max_std), Stream(made, window=30)
    stream.arrange([None] * 3)
    some = 0
    for t in range(20):
        now = frame(batch, t)
        found, placement = stream.step(now, t / FPS)
        body = placement.into_body(replace(now, memory=None))
        wanted = placement.into_pixels(filled(body, found, max_std))
        done = live(now, ["a", "b", "c"], t / FPS)
        assert torch.equal(done.observed, wanted.observed)
        for name in ("keypoints", "covariance", "confidence"):
            torch.testing.assert_close(
                getattr(done, name), getattr(wanted, name), rtol=1e-4, atol=1e-4
            )
        some += int((~done.observed).sum())
    assert (some > 0) == (max_std is not None)
