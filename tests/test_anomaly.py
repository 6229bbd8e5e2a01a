"""Enrolment, thresholds, fusion, and what settings are refused."""

import pytest
import torch
from test_contract_anomaly import away, driving, load, people, watched

from kpcomplete.anomaly.components import Components
from kpcomplete.anomaly.enrolment import Enrolment
from kpcomplete.anomaly.gathered import Gathered
from kpcomplete.anomaly.mahalanobis import Mahalanobis
from kpcomplete.anomaly.neighbours import Neighbours
from kpcomplete.anomaly.normality import Limit, Normality, fuse, spans
from kpcomplete.anomaly.reconstruction import Reconstruction
from kpcomplete.errors import SettingError


def test_enrolment_takes_the_usual_place_away():
    points = torch.tensor([[0.0, -50.0], [50.0, 0.0], [-50.0, 0.0]])
    frames = torch.full((9, 33, 2), torch.nan)
    frames[:, [0, 11, 12]] = points + torch.tensor([200.0, 100.0])
    found = Enrolment.of(frames)
    assert found.scale == pytest.approx(100)  # between the shoulders
    assert found.centre.tolist() == [200.0, 100.0]
    assert found.places[15].tolist() == [200.0, 100.0]  # never seen
    moments = found.moments(frames + 10, past=4, stride=3)
    assert moments.away.shape == (3, 4, 33, 2)
    torch.testing.assert_close(moments.away[:, :, 0], torch.full((3, 4, 2), 0.1))
    assert moments.away[:, :, 15].isnan().all()


def test_moments_start_with_the_first_frame_and_end_with_the_judged_one():
    frames = torch.arange(6.0)[:, None, None].expand(6, 33, 2)
    flat = Enrolment(places=torch.zeros(33, 2), centre=torch.zeros(2), scale=1.0)
    assert flat.moments(frames, past=3).away[:, :, 0, 0].tolist() == [
        [0, 0, 0], [0, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5],
    ]  # fmt: skip


def test_nobody_can_be_enrolled_by_one_joint():
    frames = torch.full((9, 33, 2), torch.nan)
    frames[:, 3] = 1
    with pytest.raises(SettingError, match="at least two joints"):
        Enrolment.of(frames)


def test_thresholds_come_from_normal_driving():
    normal = torch.arange(101.0)
    assert Limit(quantile=0.9).of(normal) == pytest.approx(90)
    assert Limit(quantile=None, deviations=2).of(normal) == pytest.approx(50 + 2 * normal.std())


def test_a_threshold_of_the_person_flags_about_its_share():
    found = watched(load("mahalanobis"), stride=2)
    limit = Limit(quantile=0.95).of(fuse([found.normal]))
    own = torch.cat([found(driving(200 + i, (360.0, 180.0), 120.0))[:, 0] for i in range(6)])
    assert (own > limit).float().mean() < 0.25
    flagged = spans(found(away())[:, 0] > limit)
    assert any(begin <= 45 and end == 64 for begin, end in flagged)


def test_scores_are_standardised_on_clips_that_were_not_fitted():
    found = Normality.fit({"a": load("neighbours")}, people(4, 4), people(1, 4)[0])
    assert abs(float(found.normal.mean())) < 1.5
    # neighbours know what they were fitted with: there they would all be far below
    assert float(found.normal.std()) > 0.1


def test_normal_scores_are_in_standard_deviations():
    found = Normality.fit({n: load(n) for n in ("neighbours", "mahalanobis")}, people(4, 4))
    torch.testing.assert_close(found.normal.mean(dim=0), torch.zeros(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.normal.std(dim=0), torch.ones(2), atol=1e-4, rtol=0)


def test_views_are_fused_by_mean_or_maximum():
    one, two = torch.tensor([[1.0, 3.0]]), torch.tensor([[4.0, 4.0]])
    assert fuse([one, two], "mean").tolist() == [3.0]
    assert fuse([one, two]).tolist() == [4.0]
    with pytest.raises(SettingError, match="mean or max, but got 'min'"):
        fuse([one], "min")


def test_spans_at_both_ends():
    assert spans(torch.tensor([True, False, True])) == [(0, 1), (2, 3)]
    assert spans(torch.zeros(3, dtype=torch.bool)) == []


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Gathered(frames=0), "frames=0"),
        (lambda: Gathered(frames=1, joints=()), "0 joints"),
        (lambda: Neighbours(gathered=Gathered(frames=1), count=0), "but got 0 and 2"),
        (lambda: Components(gathered=Gathered(frames=1), explained=2), "explained must be a share"),
        (lambda: Mahalanobis(gathered=Gathered(frames=1), own_share=-1), "own_share must be"),
        (lambda: Reconstruction(weights="completer", frames=0), "frames >= 1"),
        (lambda: Reconstruction(weights="completer", hidden=("tail",)), "tail"),
        (lambda: Normality.fit({}, people()), "0 scores"),
        (lambda: Normality.fit({"a": 1}, [], [driving(0)]), "and 1 clips"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be(make, text):
    with pytest.raises(ValueError, match=text):
        make()
