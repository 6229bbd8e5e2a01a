import numpy as np
import pytest

from kpcomplete.frame import Frame
from kpcomplete.latency import Latency

IMAGE = np.zeros((1, 1, 3), np.uint8)


def late(*seconds):
    return [Frame(index=i, time=0, image=IMAGE, captured=100 - s) for i, s in enumerate(seconds)]


def test_percentiles_of_how_late_frames_are():
    latency = Latency()
    latency.note(late(*np.linspace(0.001, 0.1, 100)), 100.0)
    for found in (latency.recent, latency.whole):
        assert found.p50 == pytest.approx(0.05, abs=1e-3)
        assert found.p95 == pytest.approx(0.095, abs=1e-3)
        assert found.p99 == pytest.approx(0.099, abs=1e-3)
        assert found.frames == 100
    assert str(latency.whole) == "p50 50 ms p95 95 ms p99 99 ms"


def test_what_was_dropped_or_recorded_has_no_latency():
    latency = Latency()
    latency.note([Frame(index=0, time=0, captured=1.0), Frame(index=0, time=0, image=IMAGE)], 100)
    assert latency.whole.frames == latency.recent.frames == 0
    assert np.isnan(latency.whole.p50)


def test_recent_ones_are_the_last_and_all_can_be_forgotten():
    latency = Latency()
    latency.note(late(*[50.0] * 300), 100.0)  # longer than is counted
    latency.note(late(*[0.01] * 300), 100.0)
    assert latency.recent.p99 == pytest.approx(0.01)
    assert latency.whole.p99 == 20
    latency.forget()
    assert latency.whole.frames == 0
