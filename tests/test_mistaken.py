"""Hidden joints that seem to be seen where others are."""

import pytest
import torch

from kpcomplete.batch import PoseBatch
from kpcomplete.corruption.mistaken import Mistaken
from kpcomplete.errors import SettingError
from kpcomplete.skeleton import Skeleton

SKELETON = Skeleton.load("blazepose33")
KNEES = list(SKELETON.indices(["left_knee", "right_knee"]))
WRIST = SKELETON.index("left_wrist")


def clean(size=200, time=40):
    generator = torch.Generator().manual_seed(0)
    return PoseBatch.from_keypoints(torch.randn(size, time, 33, 2, generator=generator), fps=30.0)


def test_a_knee_is_lost_or_where_the_wrist_is():
    before = clean()
    after = Mistaken(
        parts=["left_knee", "right_knee"], places=["left_wrist"], share=0.5, distance=0.0, hold=10
    )(before)
    there = after.observed[:, :, KNEES]
    wrists = before.keypoints[:, :, WRIST, None].expand(-1, -1, 2, -1)
    torch.testing.assert_close(after.keypoints[:, :, KNEES][there], wrists[there])
    assert there.float().mean().item() == pytest.approx(0.25, abs=0.05)  # half of them, half time
    spans = there.view(200, 4, 10, 2)
    assert (spans.all(dim=2) | ~spans.any(dim=2)).all()
    others = [i for i in range(33) if i not in KNEES]
    assert torch.equal(after.keypoints[:, :, others], before.keypoints[:, :, others])
    assert after.observed[:, :, others].all()


def test_they_are_off_by_the_same_way_throughout_a_window():
    before = clean()
    after = Mistaken(parts=["left_knee"], places=["left_wrist"], share=1.0, distance=0.4)(before)
    off = after.keypoints[:, :, KNEES[0]] - before.keypoints[:, :, WRIST]
    there = after.observed[:, :, KNEES[0]]
    mean = torch.where(there[..., None], off, 0).sum(dim=1) / there.sum(dim=1, keepdim=True)
    some = there.any(dim=1)
    torch.testing.assert_close(off[there], mean[:, None].expand_as(off)[there], atol=1e-5, rtol=0)
    assert mean[some].std().item() == pytest.approx(0.4, rel=0.15)


def test_what_is_not_known_is_not_made_up():
    before = clean()
    hidden = torch.zeros_like(before.observed)
    hidden[:100, :, WRIST] = True  # nothing to be mistaken for
    hidden[100:, :, KNEES[0]] = True  # not known to be anywhere
    after = Mistaken(parts=["left_knee"], places=["left_wrist"], share=1.0)(before.hide(hidden))
    assert not after.observed[:, :, KNEES[0]].any()


def test_as_many_windows_as_asked():
    before = clean(size=1000, time=2)
    after = Mistaken(parts=["left_knee"], places=["left_wrist"], ratio=0.3, share=0.0)(before)
    lost = ~after.observed[:, 0, KNEES[0]]
    assert lost.float().mean().item() == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"ratio": 1.2}, ValueError, "1.2"),
        ({"share": -0.1}, ValueError, "-0.1"),
        ({"places": []}, ValueError, r"got places \[\]"),
        ({"distance": -1.0}, ValueError, "distance -1.0"),
        ({"parts": ["tail"]}, SettingError, "tail"),
    ],
)
def test_bad_settings(changes, error, text):
    with pytest.raises(error, match=text):
        Mistaken(**{"parts": ["legs"], "places": ["left_wrist"]} | changes)
