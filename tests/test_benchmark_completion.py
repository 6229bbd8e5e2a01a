"""The benchmarks of completion: what is hidden, how it is counted, and who may be measured."""

from dataclasses import replace

import pytest
import torch
from hydra import compose, initialize_config_module
from hydra.utils import instantiate

from kpcomplete import checkpoint
from kpcomplete.batch import PoseBatch
from kpcomplete.benchmark import completion, mocap, window_pca
from kpcomplete.benchmark.baselines import METHODS, Fitted, choose, family
from kpcomplete.benchmark.fold import MODEL, REMEMBERING, Fold, Known, checked
from kpcomplete.benchmark.hiding import errors, hide, macro
from kpcomplete.benchmark.table import MACRO, Table
from kpcomplete.benchmark.trial import Trial, draw, remember, shows
from kpcomplete.completer.gaps import finish, round_covariance, unchanged
from kpcomplete.corruption.random_joints import RandomJoints
from kpcomplete.data import PoseSet
from kpcomplete.errors import SettingError
from kpcomplete.model.mlp import MLP
from kpcomplete.objective.reconstruct import Reconstruct
from kpcomplete.skeleton import Skeleton
from kpcomplete.trainer import Trainer

SKELETON = Skeleton.load("blazepose33")
PLACES = {"nose": (0, -60), "left_eye": (6, -66), "left_shoulder": (45, 0),
          "right_shoulder": (-45, 0), "left_elbow": (60, 60), "right_elbow": (-60, 60),
          "left_wrist": (40, 90), "right_wrist": (-40, 90)}  # fmt: skip
UNIT = 90.0  # px: 1.5 times nose to neck, and the shoulders
WRIST = SKELETON.index("right_wrist")
GAP = Trial(name="gap", figure="gap8", length=32, parts=("right_forearm",), gap=8)


def people(names=("sktdd_001",), views=("mirror",), clips=1, length=64, moved=3.0, seed=0):
    """Return drivers whose arms wander; the places of all others are fixed but for trembling."""
    generator = torch.Generator().manual_seed(seed)
    keypoints, owners, seen_from = [], [], []
    for name in names:
        habit = 6 * torch.randn(33, 2, generator=generator)
        for view in views:
            for _ in range(clips):
                clip = torch.full((length, 33, 2), torch.nan)
                walk = moved * torch.randn(length, 2, generator=generator).cumsum(dim=0)
                for joint, place in PLACES.items():
                    i = SKELETON.index(joint)
                    clip[:, i] = torch.tensor(place, dtype=torch.float32) + 300
                    if "elbow" in joint or "wrist" in joint:
                        clip[:, i] += habit[i] + walk.clamp(-40, 40)
                    elif moved:
                        clip[:, i] += 0.3 * torch.randn(length, 2, generator=generator)
                keypoints.append(clip)
                owners.append(name)
                seen_from.append(view)
    return PoseSet.from_clips(keypoints, people=owners, views=seen_from, fps=30.0)


class Off:
    """Completes hidden joints that are known to it, some body units to the right of the truth."""

    causal = False

    def __init__(self, truth, off, answers=1.0):
        self.truth, self.off, self.answers = truth, off, answers

    def __call__(self, batch):
        mean = self.truth + torch.tensor([self.off, 0.0])
        known = torch.ones_like(batch.observed)
        known[:, :, WRIST] = torch.rand(batch.observed.shape[:2]) <= self.answers
        return finish(batch, mean, round_covariance(torch.ones_like(mean[..., 0])), known)


class Silent:
    causal = True

    def __call__(self, batch):
        return unchanged(batch)


def test_windows_come_evenly_from_people_and_views_and_show_what_is_hidden():
    poses = people(("a", "b"), ("mirror", "side"), clips=2, length=100)
    poses.keypoints[:50, WRIST] = torch.nan  # of the first clip's first half
    windows = draw(poses, GAP, count=3, seed=1)
    pairs = list(zip(windows.person, windows.view, strict=True))
    assert {pair: pairs.count(pair) for pair in pairs} == {
        (p, v): 3 for p in "ab" for v in ("mirror", "side")
    }
    for row in range(len(windows)):
        clip, start = int(windows.clip[row]), int(windows.start[row])
        first, length = poses.clips[clip].tolist()
        assert first <= start <= first + length - 32
        assert (poses.people[clip], poses.views[clip]) == pairs[row]
    again = draw(poses, GAP, count=3, seed=1)
    assert torch.equal(windows.start, again.start)
    assert not torch.equal(windows.start, draw(poses, GAP, count=3, seed=2).start)


def test_who_shows_nothing_to_hide_is_left_out():
    poses = people(("a", "b"))
    poses.keypoints[:64, [SKELETON.index("right_elbow"), WRIST]] = torch.nan
    assert set(draw(poses, GAP, count=3, seed=0).person) == {"b"}
    poses.keypoints[:, [SKELETON.index("right_elbow"), WRIST]] = torch.nan
    assert not shows(poses, GAP)
    with pytest.raises(SettingError, match=r"'gap' needs windows of 32 frames .*, but a, b has"):
        draw(poses, GAP, count=3, seed=0)


@pytest.mark.parametrize(
    "trial",
    [GAP, replace(GAP, causal=True), replace(GAP, gap=None, parts=("face",)),
     Trial(name="r", figure="r", length=32, ratio=0.3),
     Trial(name="d", figure="d", length=1, drawn=3)],
)  # fmt: skip
def test_what_is_hidden_cannot_be_seen(trial):
    windows = draw(people(clips=2), trial, count=5, seed=0)
    task = hide(windows, trial, seed=3)
    hidden = windows.clean.observed[:, : task.shown.observed.shape[1]] & ~task.shown.observed
    assert hidden.any()
    assert (task.counted <= hidden).all()
    whole = torch.zeros_like(windows.clean.observed)
    whole[:, : hidden.shape[1]] = hidden
    moved = replace(windows.clean, keypoints=windows.clean.keypoints + 1e3 * whole[..., None])
    other = hide(replace(windows, clean=moved), trial, seed=3)
    assert torch.equal(task.shown.keypoints, other.shown.keypoints)
    assert torch.equal(task.shown.observed, other.shown.observed)


def test_a_causal_task_ends_with_its_gap():
    trial = replace(GAP, causal=True)
    windows = draw(people(), trial, count=4, seed=0)
    task = hide(windows, trial, seed=0)
    assert trial.place == slice(12, 20)
    assert task.shown.observed.shape[1] == 20
    late = windows.clean.keypoints.clone()
    late[:, 20:] += 1e3
    other = hide(replace(windows, clean=replace(windows.clean, keypoints=late)), trial, seed=0)
    assert torch.equal(task.shown.keypoints, other.shown.keypoints)


def test_random_joints_are_among_those_that_are_seen():
    trial = Trial(name="d", figure="d", length=1, drawn=3)
    task = hide(draw(people(), trial, count=9, seed=0), trial, seed=0)
    assert (task.counted.sum(dim=(1, 2)) == 3).all()
    assert len(torch.unique(task.counted, dim=0)) > 1


def test_errors_are_in_body_units_of_the_whole_window_whatever_is_hidden():
    still = people(moved=0.0)
    for part in ("face", "right_forearm"):  # without the face the person is placed otherwise
        trial = replace(GAP, gap=None, parts=(part,))
        task = hide(draw(still, trial, count=4, seed=0), trial, seed=0)
        placed = UNIT * task.unit
        off = 18.0 / float(placed[0])  # px
        found = errors(task, {"mirror": Off(task.truth, off)}, {"mirror": Silent()})
        assert found["all"]["mirror"] == pytest.approx(0.2, abs=1e-5)


def test_moving_joints_are_those_that_leave_their_place():
    still = people(moved=0.0)
    still.keypoints[:, WRIST] += torch.linspace(0, 120, 64)[:, None] * torch.tensor([1.0, 0.0])
    task = hide(draw(still, replace(GAP, gap=16), count=4, seed=0), replace(GAP, gap=16), seed=0)
    assert task.moving[:, 0, WRIST].all()  # 30 px in 16 frames are 0.34 S
    assert not task.moving[:, 0, SKELETON.index("right_elbow")].any()
    slow = hide(draw(still, GAP, count=4, seed=0), GAP, seed=0)
    assert not slow.moving.any()  # 15 px in 8 frames
    found = errors(slow, {"mirror": Off(slow.truth, 0.1)}, {"mirror": Silent()})
    assert found["moving"] == {}


def test_a_gap_counts_where_the_joint_was_seen_around_it():
    poses = people(length=32)
    poses.keypoints[20:, WRIST] = torch.nan  # never again
    for trial, counts in ((GAP, False), (replace(GAP, causal=True), True)):
        task = hide(draw(poses, trial, count=1, seed=0), trial, seed=0)
        assert bool(task.counted[:, :, WRIST].any()) is counts
        assert task.counted[:, :, SKELETON.index("right_elbow")].any()


def test_who_says_little_is_not_measured_and_small_holes_are_filled_by_another():
    task = hide(draw(people(), GAP, count=4, seed=0), GAP, seed=0)
    away = {"mirror": Off(task.truth[:, GAP.place], 1.0)}
    found = errors(task, {"mirror": Off(task.truth, 0.0, answers=0.5)}, away)
    assert str(found["all"]["mirror"]) == "nan"
    torch.manual_seed(4)
    found = errors(task, {"mirror": Off(task.truth, 0.0, answers=0.93)}, away)
    holes = found["all"]["mirror"] * float(task.counted.sum())  # each 1 body unit off
    assert 0 < holes < 0.05 * float(task.counted.sum()) * 1.1
    assert str(macro(errors(task, {"mirror": Silent()}, away)["all"])) == "nan"


def test_framewise_completers_give_the_same_on_the_asked_frames_alone():
    poses = people(("a", "b", "c"), clips=8, length=100)
    fitted = Fitted.to(poses, seed=0, quick=True)
    task = hide(draw(poses, GAP, count=4, seed=0), GAP, seed=0)
    method = METHODS["gaussian"]
    some = {view: method.build(f, ()) for view, f in fitted.items()}
    assert errors(task, some, some, framewise=True)["all"]["mirror"] == pytest.approx(
        errors(task, some, some)["all"]["mirror"], rel=1e-4
    )


def test_the_pca_of_windows_finds_the_directions_behind_holes():
    generator = torch.Generator().manual_seed(0)
    shape = torch.randn(2, 8 * 4 * 2, generator=generator)
    flat = torch.randn(400, 2, generator=generator) @ shape + 1.0
    points = torch.zeros(400, 8, 33, 2)
    points[:, :, :4] = flat.reshape(400, 8, 4, 2)
    clean = PoseBatch.from_keypoints(points)
    clean = clean.hide(torch.ones_like(clean.observed).index_fill(2, torch.arange(4), False))
    holes = torch.rand(clean.observed.shape, generator=generator) < 0.3
    holes[:, :, 3] |= torch.arange(400)[:, None] % 2 == 0  # often gone throughout
    found = window_pca.fit([clean.hide(holes)], torch.arange(4), rank=2, rounds=30)
    done = window_pca.WindowPCA(components=found)(clean.hide(holes))
    lost = holes & clean.observed
    apart = (done.keypoints - clean.keypoints)[lost].norm(dim=-1)
    assert done.observed[lost].all()
    assert apart.median() < 0.05
    coarse = window_pca.WindowPCA(components=found.truncated(1))(clean.hide(holes))
    assert (coarse.keypoints - clean.keypoints)[lost].norm(dim=-1).median() > 5 * apart.median()
    assert torch.equal(done.keypoints[done.observed & ~lost & clean.observed],
                       clean.keypoints[done.observed & ~lost & clean.observed])  # fmt: skip
    for time in (0, 1, 5, 8, 19):  # shorter and longer than what was fitted
        more = torch.cat([points, points, points], dim=1)[:3, :time]
        out = window_pca.WindowPCA(components=found)(PoseBatch.from_keypoints(more))
        assert out.keypoints.shape == more.shape
        assert torch.isfinite(out.keypoints).all()


def test_windows_of_two_kinds_are_told_apart():
    points = torch.zeros(60, 4, 33, 2)
    points[:, :, :2] = 0.01 * torch.randn(60, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    points[30:, :, :2] += torch.tensor([[0.0, 0.0], [5.0, 5.0]])
    points[30:, :, 0] += 3.0
    clean = PoseBatch.from_keypoints(points)
    groups = [clean.select(slice(0, 30)), clean.select(slice(30, 60))]
    found = window_pca.fit(groups, torch.arange(2), rank=1)
    hidden = torch.zeros_like(clean.observed)
    hidden[:, :, 1] = True
    done = window_pca.WindowPCA(components=found)(clean.hide(hidden))
    torch.testing.assert_close(done.keypoints[:, :, 1], clean.keypoints[:, :, 1], atol=0.1, rtol=0)


def test_a_memory_is_the_mean_place_in_other_recordings_and_is_placed_with_the_window():
    windows = draw(people(("a", "b"), ("mirror", "side")), GAP, count=2, seed=0)
    other = people(("a", "b"), ("side",), seed=5)
    other.keypoints[:32, WRIST] = torch.nan
    remembered = remember(windows, other)
    memory = remembered.clean.memory
    rows = [i for i, pair in enumerate(zip(windows.person, windows.view, strict=True))
            if pair == ("a", "side")]  # fmt: skip
    place = other.keypoints[32:64, WRIST].mean(dim=0)
    torch.testing.assert_close(memory.mean[rows, WRIST], place.expand(2, 2))
    assert memory.count[rows, WRIST].tolist() == [32, 32]
    assert not memory.count[[v == "mirror" for v in windows.view]].any()
    task = hide(remembered, GAP, seed=0)
    without = hide(windows, GAP, seed=0)
    assert torch.equal(task.shown.keypoints, without.shown.keypoints)
    shift = task.shown.memory.mean[rows[0], WRIST] - task.truth[rows[0], 0, WRIST]
    pixels = place - windows.clean.keypoints[rows[0], 0, WRIST]
    torch.testing.assert_close(shift * task.unit[rows[0]] * UNIT, pixels, rtol=0.03, atol=1.0)


def table():
    found = Table(models=[MODEL])
    gap = replace(GAP, name="gap 8")
    for scale in (1.0, 3.0):  # two trials or folds of one row
        found.add(gap, {
            "hold": {"all": {"mirror": 0.2 * scale, "side": 0.4 * scale}, "moving": {"side": 0.5}},
            "linear": {"all": {"mirror": 0.1 * scale, "side": 0.3 * scale}, "moving": {"side": 1}},
            MODEL: {"all": {"mirror": 0.05 * scale, "side": 0.25 * scale}, "moving": {"side": 0.4}},
        })  # fmt: skip
    silent = {"all": {"mirror": float("nan"), "side": 0.1}, "moving": {}}
    found.add(replace(GAP, name="face", figure="face", gap=None),
              {"hold": silent, "gaussian": {"all": {"mirror": 0.2, "side": 0.2}, "moving": {}},
               MODEL: {"all": {"mirror": 0.1, "side": 0.2}, "moving": {}}})  # fmt: skip
    return found


def test_ratios_are_to_the_best_classical_one_of_each_row():
    found = table()
    assert found.rows == ["gap 8", "face", "gap 8, moving"]
    assert found.error("gap 8", "linear") == pytest.approx(0.4)  # views, then trials
    assert found.error("gap 8", "linear", "side") == pytest.approx(0.6)
    assert found.best("gap 8") == "linear"
    assert found.best("gap 8, moving") == "hold"
    assert found.best("face") == "gaussian"  # hold has no answer in one view
    ratios = [found.ratio(name, MODEL) for name in ("gap8", "face", "moving")]
    assert ratios == pytest.approx([0.75, 0.75, 0.8])
    assert str(found.ratio("nothing", MODEL)) == "nan"


def test_the_table_has_every_view_and_stars_the_best():
    blocks = table().text().split("\n\n")
    assert [block.split(" (")[0] for block in blocks] == [MACRO, "mirror", "side"]
    row = next(line for line in blocks[0].splitlines() if line.startswith("gap 8 "))
    assert row.split()[2:] == ["60.00", "40.00*", "30.00", "-"]


def test_settings_are_chosen_on_people_left_out():
    poses = people(("a", "b", "c"), clips=8, length=100)
    trials = [replace(GAP, causal=True), Trial(name="r", figure="random", length=64, ratio=0.3)]
    chosen = choose(poses, poses, trials, people=["a", "b"], count=3, seed=0)
    assert set(chosen) == {("guided_hold", "causal gaps"), ("neighbours", "causal gaps"),
                           ("neighbours", "random"), ("window_pca", "random"),
                           ("guided_linear", "random")}  # fmt: skip
    for (name, _), setting in chosen.items():
        assert setting in METHODS[name].settings
    assert family(GAP) == "gaps"


def test_a_checkpoint_must_not_know_whom_it_is_measured_on(tmp_path, caplog):
    path = tmp_path / "model.safetensors"

    def saved(**about):
        checkpoint.save(path, {"x": torch.zeros(1)}, {"network": "a.b", "provenance": about})
        return checkpoint.load(path)

    with pytest.raises(SettingError, match=r"must not know .* was trained on sktdd_006"):
        checked(saved(data={"sktdd": ["sktdd_001", "sktdd_006"]}), ["sktdd_006", "sktdd_007"])
    with pytest.raises(SettingError, match=r"was trained on sktdd_007"):
        checked(saved(data={"sktdd": []}, prior={"people": ["sktdd_007"]}), ["sktdd_007"])
    with pytest.raises(SettingError, match="must say on whom it was trained"):
        checked(saved(), ["sktdd_007"])
    assert checked(saved(data={"sktdd": ["sktdd_001"]}, prior={}), ["sktdd_007"])
    assert not caplog.text
    checked(saved(data={"sktdd": ["sktdd_001"]}, held_out=["sktdd_007"]), ["sktdd_007"])
    assert "but calibrated on them" in caplog.text


def test_nobody_is_learned_from_and_tested():
    poses = people(("a", "b"))
    with pytest.raises(SettingError, match=r"fold 'x' must test people .* but tests a, b"):
        Fold(name="x", train={"s": poses}, choose=poses, test=poses, left_out=[], calibrated=[])


def test_drivers_are_numbers_or_names():
    assert [completion.driver_name(d) for d in (7, "007", "sktdd_007")] == ["sktdd_007"] * 3
    with pytest.raises(SettingError, match="a driver is a number or sktdd_NUMBER, but got 'anna'"):
        completion.driver_name("anna")
    poses = people([f"sktdd_00{i}" for i in range(1, 7)])
    other = people([f"sktdd_00{i}" for i in range(1, 7)], seed=1)
    fold = completion.fold_of("a", poses, poses, other, test=[2, 4], train=None)
    assert fold.left_out == ["sktdd_001", "sktdd_003", "sktdd_005", "sktdd_006"]
    assert set(fold.test.people) == {"sktdd_002", "sktdd_004"}
    assert set(fold.others.people) == {"sktdd_002", "sktdd_004"}
    fold = completion.fold_of("a", poses, poses, other, test=[2], train=[1, 3, 5])
    assert set(fold.train["sktdd"].people) == {"sktdd_001", "sktdd_003", "sktdd_005"}
    with pytest.raises(SettingError, match="three drivers to learn from, but 'a' has"):
        completion.fold_of("a", poses, poses, other, test=[2, 4, 5, 6], train=None)
    with pytest.raises(SettingError, match="remember people by other recordings than those that"):
        completion.fold_of("a", poses, poses, poses, test=[2, 4], train=None)


def parts():
    torch.manual_seed(0)
    network = MLP(widths=[16, 4])
    return {
        "objective": Reconstruct(model=network, corruption=RandomJoints(ratio=0.3, seed=1)),
        "trainer": Trainer(steps=3, batch_size=4, report_every=3, progress=False),
        "length": 64,
        "windows": 3,
        "shares": {"sktdd": 1.0, "ue_adl": 2.0, "cmu": 1.0, "more": 1.0},
        "trials": {"what the experiment": "measures is not measured here"},
    }


def test_a_small_run_measures_drivers_it_has_not_seen(monkeypatch, capsys):
    poses = people([f"sktdd_00{i}" for i in range(1, 5)], length=300, clips=4, moved=8.0)
    some = [t for t in completion.trials()
            if t.name in ("right forearm", "random 30 %", "gap 15", "causal gap 15")]  # fmt: skip
    monkeypatch.setattr(completion, "trials", lambda: some)
    settings = parts()
    other = people([f"sktdd_00{i}" for i in range(1, 5)], length=50, seed=1)
    found = completion.run(
        data={"sktdd": Known(poses=poses)}, tested=Known(poses=poses),
        others=Known(poses=other),
        folds={"a": [4]}, quick=True, **settings,
    )  # fmt: skip
    printed = capsys.readouterr().out
    assert "fold a: training" in printed
    assert MODEL in printed
    assert REMEMBERING in printed
    measured = {
        "parts_ratio",
        "parts_memory_ratio",
        "gap15_ratio",
        "cgap15_ratio",
        "random30_ratio",
        "moving_ratio",
    }
    assert {name for name, value in found.items() if value > 0} == measured
    assert list(found) == [f"{name}_ratio" for name in completion.FIGURES]
    again = Reconstruct(model=MLP(widths=[16, 4]), corruption=RandomJoints(ratio=0.3, seed=1))
    assert settings["objective"].network.arguments == again.network.arguments
    assert not settings["objective"].network.support.any()  # the fold trained a copy


def test_a_small_run_of_motion_capture(monkeypatch, capsys):
    names = {"ue_adl": [f"ADL00{i}" for i in range(5)], "cmu": [f"cmu_0{i}" for i in range(5)]}
    data = {name: Known(poses=people(some, length=300, clips=4)) for name, some in names.items()}
    few = [t for t in mocap.trials() if t.name in ("arms", "gap 1 s")]
    monkeypatch.setattr(mocap, "trials", lambda: few)
    found = mocap.run(data=data, test_people=["ADL004", "cmu_03"], minutes=0, **parts())
    assert set(found) == {"parts_ratio", "gap_ratio"}
    printed = capsys.readouterr().out.split("\n\n")
    assert [block.split(" (")[0].splitlines()[-1] for block in printed][1:] == [
        "cmu mirror",
        "ue_adl mirror",
    ]
    arms = next(line for line in printed[1].splitlines() if line.startswith("arms"))
    assert "*" in arms
    with pytest.raises(SettingError, match="ue_adl needs people to test and four others"):
        mocap.run(data=data, test_people=["cmu_03"], minutes=0, **parts())


@pytest.mark.parametrize("name", ["completion", "mocap"])
def test_the_config_trains_as_the_experiment_says(name):
    with initialize_config_module("kpcomplete.conf", version_base="1.3"):
        cfg = compose(f"benchmark/{name}")
        task = cfg.task
        task.provenance = None  # names what was typed
        built = instantiate(task, _convert_="all", _partial_=True)
    given = built.keywords
    assert isinstance(given["objective"], Reconstruct)
    assert isinstance(given["trainer"], Trainer)
    assert {"sktdd", *mocap.SETS} <= set(given["data"])
    assert given["minutes"] > 0
