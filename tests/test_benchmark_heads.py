"""The benchmarks of anomalies, attention and passengers: who teaches, and what counts."""

import cv2
import numpy as np
import pytest
import torch
from test_contract_anomaly import driving

from kpcomplete.anomaly.gathered import Gathered
from kpcomplete.anomaly.mahalanobis import Mahalanobis
from kpcomplete.benchmark import anomaly, attention, passenger
from kpcomplete.benchmark.drivers import Drives
from kpcomplete.benchmark.fold import Known
from kpcomplete.benchmark.judged import ABSOLUTE, BOTH, ENROLLED, Judged, choose
from kpcomplete.benchmark.learning_curves import interval, plot_curves
from kpcomplete.data import PoseSet
from kpcomplete.data.labelled import NONE
from kpcomplete.errors import SettingError

PARTS = {"m": Mahalanobis(gathered=Gathered(frames=4))}
NAMES = ("sktdd_001", "sktdd_002", "sktdd_003")


def drives(views=("mirror", "side")):
    normal, mixed, people, where = [], [], [], []
    for i, _ in enumerate(NAMES):
        for _view in views:
            normal += [driving(10 * i + c, frames=120) for c in range(2)]
            clip = driving(10 * i + 5, frames=240).clone()
            clip[120:, 15:17] -= 120
            mixed.append(clip)
    for name in NAMES:
        people += [name] * len(views)
        where += list(views)
    labels = [(torch.arange(240) >= 120).long()] * len(mixed)
    both = [x for x in zip(people, where, strict=True) for _ in range(2)]
    return (
        PoseSet.from_clips(
            normal, people=[p for p, _ in both], views=[v for _, v in both], fps=30.0
        ),
        PoseSet.from_clips(mixed, people=people, views=where, fps=30.0, labels=labels),
    )


def known():
    normal, mixed = drives()
    return {"normal": Known(poses=normal), "mixed": Known(poses=mixed), "parts": PARTS}


def test_lifted_hands_of_unknown_drivers_are_found(capsys):
    found = anomaly.run(**known())
    for key in ("auroc", "auroc_mean", "auroc_worst", "rapid_protocol_auroc", "fused_auroc"):
        assert found[key] > 0.95, key
    assert abs(found["fused_minus_best"]) < 0.05
    assert found["recall"] > 0.9
    text = capsys.readouterr().out
    assert "sktdd_002: the others' labels choose mirror" in text
    with pytest.raises(SettingError, match="test_drivers must be some of"):
        anomaly.run(**known(), test_drivers=[9])


def test_few_labels_tell_attention():
    found = attention.run(**known(), quick=True)
    assert found["f1_1"] > 0.8
    assert found["auroc_100"] > 0.9
    assert {"f1_5", "f1_10", "f1_100", "scratch_f1_1"} <= set(found)


def test_a_driver_has_no_say_in_the_choice():
    truth = torch.arange(40) >= 20
    good, bad = truth.float()[:, None], (~truth).float()[:, None]

    def judged(enrolled, absolute):
        scores = {("mirror", ENROLLED): enrolled, ("mirror", ABSOLUTE): absolute}
        return Judged(scores=scores, normal=scores, distracted=truth, shown={})

    found = {"a": judged(bad, good), "b": judged(good, bad), "c": judged(good, bad)}
    assert choose(found, "a", ["mirror"]).kinds["mirror"] == ENROLLED
    assert choose(found, "a", ["mirror"]).kinds["mirror"] != BOTH


def test_frames_with_the_same_joints_are_compared_alone():
    score = torch.tensor([0.0, 1.0, 10.0, 9.0])
    distracted = torch.tensor([False, True, False, True])
    shown = torch.tensor([1, 1, 2, 2])
    assert anomaly.same_joints(score, distracted, shown) == pytest.approx(0.5)
    assert np.isnan(anomaly.same_joints(score, distracted, torch.arange(4)))


def test_drivers_are_found_by_person_and_view():
    normal, mixed = drives()
    made = Drives(normal=normal, mixed=mixed)
    assert made.people == list(NAMES)
    assert len(made.normal_of("sktdd_002", "side")) == 2
    recording, labels = made.mixed_of("sktdd_002", "side")
    torch.testing.assert_close(recording[0].nan_to_num(), driving(15, frames=240)[0].nan_to_num())
    assert labels.sum() == 120


def test_a_share_of_labels_keeps_each_class():
    targets = torch.tensor([0] * 200 + [1] * 10 + [NONE] * 5)
    kept = passenger.few(targets, 0.05, seed=1)
    assert [(kept == k).sum().item() for k in (0, 1)] == [10, 1]
    rows = attention.sample(targets[:210] == 1, 0.1, torch.Generator().manual_seed(0))
    assert len(rows) == 21
    assert torch.equal(kept, passenger.few(targets, 0.05, seed=1))


def test_learning_curves_show_all_draws(tmp_path):
    shares, rows = (0.01, 0.1, 1.0), {}
    for network in ("with", "without"):
        for figure in ("macro_f1", "auroc"):
            for share in shares:
                rows[f"{network} position, as seen, {figure}_{100 * share:g}"] = [0.6, 0.7]
    plot_curves(tmp_path / "curves.png", rows, ["position"], shares)
    assert cv2.imread(str(tmp_path / "curves.png")).std() > 10
    with pytest.raises(KeyError):
        plot_curves(tmp_path / "none.png", rows, ["occupant"], shares)
    assert not (tmp_path / "none.png").exists()
    assert interval([0.5, 0.5, 0.5]) == 0
    assert interval([0.0, 1.0]) > interval([0.4, 0.6])
