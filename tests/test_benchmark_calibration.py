"""The benchmark of calibration: how regions are scaled, counted and measured."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_benchmark_completion import GAP, people

from kpcomplete import training
from kpcomplete.batch import PoseBatch
from kpcomplete.benchmark import calibration
from kpcomplete.benchmark.fold import Known
from kpcomplete.benchmark.hiding import hide
from kpcomplete.benchmark.regions import Regions, Scaled
from kpcomplete.benchmark.trial import Trial, draw
from kpcomplete.completer.gaps import finish, round_covariance, unchanged
from kpcomplete.corruption.random_joints import RandomJoints
from kpcomplete.errors import SettingError
from kpcomplete.model.mlp import MLP
from kpcomplete.model.timeline import KINDS
from kpcomplete.objective.reconstruct import Reconstruct
from kpcomplete.trainer import Trainer

FACE = Trial(name="face", figure="face", length=32, parts=("face",))


class Round:
    """Answers with the truth moved by Gaussian noise of one size, and claims another."""

    causal = False

    def __init__(self, truth, off, claimed, seed=0):
        generator = torch.Generator().manual_seed(seed)
        self.mean = truth + off * torch.randn(truth.shape, generator=generator)
        self.claimed = claimed

    def __call__(self, batch):
        variance = torch.full(batch.observed.shape, self.claimed**2)
        return finish(batch, self.mean, round_covariance(variance), torch.ones_like(batch.observed))


class Silent:
    causal = True

    def __call__(self, batch):
        return unchanged(batch)


def batches(size=40):
    clean = PoseBatch.from_keypoints(torch.randn(size, 20, 33, 2))
    return clean.hide(torch.rand(size, 20, 33) < 0.5), clean


def test_regions_are_scaled_until_they_hold_90_percent():
    torch.manual_seed(0)
    corrupted, clean = batches()
    made = Round(clean.keypoints, off=0.2, claimed=0.05)
    found = Scaled.of({"side": (made, corrupted, clean)}, causal=False)["side"]
    shown = KINDS.index("arms_moving_0.08s")
    assert found.factor[shown] == pytest.approx(4, rel=0.05)
    assert found.factor[KINDS.index("face_remembered")] == 1  # there is no such joint
    done = found(corrupted, slice(0, 20))
    hidden = ~corrupted.observed
    assert done.covariance[hidden][:, 0, 0].mean() == pytest.approx(0.04, rel=0.1)
    again = found(corrupted, slice(0, 20))
    torch.testing.assert_close(again.covariance, done.covariance)  # scaled once


def test_views_are_scaled_together():
    torch.manual_seed(0)
    parts = {}
    for view, off in (("mirror", 0.1), ("side", 0.3)):
        corrupted, clean = batches()
        parts[view] = (Round(clean.keypoints, off=off, claimed=0.1), corrupted, clean)
    found = Scaled.of(parts, causal=True)
    factor = found["side"].factor
    assert torch.equal(factor, found["mirror"].factor)
    assert 1.5 < factor[factor != 1].mean() < 3


def measured(trial=GAP, off=0.1, claimed=0.1, rival=0.2, views=("mirror",)):
    windows = draw(people(("a", "b"), views, clips=4), trial, count=40, seed=0)
    task = hide(windows, trial, seed=0)
    regions = Regions()
    truth = task.truth
    own = Round(truth, off, claimed)
    ones = torch.ones(len(KINDS))
    other = Round(truth[:, trial.place], rival, rival, seed=1)
    rivals = dict.fromkeys(views, Scaled(completer=other, factor=ones, causal=False))
    return regions, task, own, rivals


def test_shares_and_areas_are_those_of_gaussians():
    regions, task, own, rivals = measured()
    regions.add("one", task, own, rivals)
    found = regions.figures()
    assert found["cover_min"] == found["cover_max"] == pytest.approx(0.9, abs=0.03)
    assert 0.85 < found["cover_person_min"] <= found["cover_min"]
    assert found["area_ratio"] == pytest.approx(0.25, rel=1e-4)
    text = regions.text()
    assert "one" in text
    area = np.pi * -2 * np.log(0.1) * 0.01
    # the unit of a window without its right forearm is hardly another one
    assert f"{area:.2f}"[:4] in text


def test_families_are_pooled_and_the_worst_ones_count():
    regions, task, own, rivals = measured()
    regions.add("right", task, own, rivals)
    narrow = Round(task.truth, 0.1, 0.05)
    regions.add("narrow", task, narrow, rivals)
    found = regions.figures()
    assert found["cover_max"] == pytest.approx(0.9, abs=0.03)
    assert found["cover_min"] == pytest.approx(1 - 0.1**0.25, abs=0.05)
    assert found["area_ratio"] == pytest.approx((0.25 + 0.0625) / 2, rel=1e-3)
    pooled, *_ = measured()
    pooled.add("both", task, own, rivals)
    pooled.add("both", task, narrow, rivals)
    middle = pooled.figures()["cover_min"]
    assert middle == pytest.approx((found["cover_min"] + found["cover_max"]) / 2, abs=1e-6)
    regions.add("remembered", task, Round(task.truth, 0.1, 0.001), rivals, counts=False)
    assert regions.figures() == found
    assert "(does not count)" in regions.text()


def test_where_the_rival_says_nothing_areas_are_not_compared():
    regions, task, own, rivals = measured()
    silent = replace(rivals["mirror"], completer=Silent())
    regions.add("one", task, own, {"mirror": silent})
    found = regions.figures()
    assert found["cover_min"] == pytest.approx(0.9, abs=0.03)
    assert np.isnan(found["area_ratio"])


def arguments(**changes):
    drivers = [f"sktdd_{i:03d}" for i in range(1, 7)]
    data, other = (people(drivers, clips=7, length=280, seed=seed) for seed in (0, 1))
    settings = {
        "data": {"sktdd": Known(poses=data)},
        "tested": Known(poses=data),
        "others": Known(poses=other),
        "objective": Reconstruct(
            model=MLP(widths=[32, 8]), corruption=RandomJoints(ratio=0.3, hold=20, seed=1)
        ),
        "trainer": Trainer(steps=30, batch_size=8, progress=False),
        "folds": {"a": [5, 6]},
        "windows": 2,
        "length": 40,
    }
    return settings | changes


def test_the_benchmark_says_who_calibrates(capsys, monkeypatch):
    gaps = [t for t in calibration.trials() if t.gap in (None, 15)]
    monkeypatch.setattr(calibration, "trials", lambda: gaps)
    found = calibration.run(**arguments())
    said = capsys.readouterr().out
    assert "learned from 2 drivers, calibrated on 2 others (sktdd_003, sktdd_004)" in said
    assert "measured on sktdd_005, sktdd_006" in said
    for row in ("right forearm", "gap of 15", "causal gap of 15", "random 30 %"):
        assert f"\n{row}  " in said
    assert set(found) == {"cover_min", "cover_max", "cover_person_min", "area_ratio"}
    assert 0.3 < found["cover_person_min"] <= found["cover_min"] <= found["cover_max"] <= 1
    assert 0 < found["area_ratio"] < 10


@pytest.mark.parametrize("drivers", [[5], [1, 2, 3, 4], [9]])
def test_who_calibrates_must_be_neither_tested_nor_all_there_are(drivers):
    with pytest.raises(SettingError, match="who calibrates must be some of sktdd_001, sktdd_002"):
        calibration.run(**arguments(calibrate_drivers=drivers))


def test_finished_weights_are_measured_as_they_are_and_say_who_calibrated_them(tmp_path):
    settings = arguments()
    path = tmp_path / "a.safetensors"
    training.run(
        objective=settings["objective"], data={"sktdd": settings["tested"]},
        trainer=settings["trainer"], output=path, held_out=["sktdd_003"],
        excluded=["sktdd_005", "sktdd_006"], length=40, windows=8,
    )  # fmt: skip
    with pytest.raises(SettingError, match=r"a.safetensors must be calibrated .* sktdd_004"):
        calibration.run(**arguments(weights=str(path), calibrate_drivers=[4]))
    with pytest.raises(SettingError, match="must not know the people it is measured on"):
        calibration.run(**arguments(weights=str(path), folds={"a": [1, 6]}, calibrate_drivers=[3]))
