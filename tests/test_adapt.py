"""Fine-tuning on one's own recordings: what is kept back, who judges, what is written."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import video_files
from hydra import compose, initialize_config_module
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import OmegaConf

from kpcomplete import adapt, checkpoint, training
from kpcomplete.app import cli
from kpcomplete.archive import read_archive
from kpcomplete.completer.autoencoder import AutoencoderCompleter
from kpcomplete.corruption.parts import Parts
from kpcomplete.corruption.random_joints import RandomJoints
from kpcomplete.errors import SettingError
from kpcomplete.footage import Strip, keep_back, pool
from kpcomplete.judge import Judge, Verdict, lines
from kpcomplete.model import CAUSAL
from kpcomplete.model.mlp import MLP
from kpcomplete.model.temporal import Temporal
from kpcomplete.model.timeline import KINDS
from kpcomplete.objective.reconstruct import Reconstruct
from kpcomplete.pose import PoseSequence
from kpcomplete.skeleton import Skeleton
from kpcomplete.source.poses import Poses
from kpcomplete.trainer import Trainer

SKELETON = Skeleton.load("blazepose33")
WRIST = SKELETON.index("right_wrist")
PLACES = {"nose": (0, -60), "left_shoulder": (45, 0), "right_shoulder": (-45, 0),
          "left_elbow": (60, 60), "right_elbow": (-60, 60), "left_wrist": (40, 90),
          "right_wrist": (-40, 90)}  # fmt: skip
JOINTS = [(SKELETON.index(name), name) for name in PLACES]
LEFT_OUT = ("forearms", "face", "long_gap", "random")  # of the config's trials, to be quick
TRIALS = {"forearm": Parts(parts=["right_forearm"]), "random": RandomJoints(ratio=0.3)}


def points(length, seed=0, arm=0.0):
    """Somebody whose joints tremble, and whose right arm is elsewhere by ``arm`` body units."""
    rng = np.random.default_rng(seed)
    out = np.full((length, 33, 2), np.nan, dtype=np.float32)
    for name, place in PLACES.items():
        out[:, SKELETON.index(name)] = np.array(place) + 300
    for name in ("right_elbow", "right_wrist"):
        out[:, SKELETON.index(name)] += 90 * arm
    return out + rng.normal(0, 1, (length, 33, 2)).astype(np.float32)


def recording(length=400, name="a.parquet", fps=30.0, seed=0, arm=0.0, confidence=None, times=None):
    pose = PoseSequence.observed(
        points(length, seed, arm), confidence, skeleton=SKELETON, fps=fps, image_size=(640, 480),
        person="driver", times=times,
    )  # fmt: skip
    return Poses.from_sequences([pose], name=name)


def strip(length=400, name="a.parquet", **given):
    return Strip.of(recording(length, name, **given), 0.5)


def test_a_strip_holds_what_is_trusted():
    confidence = np.ones((40, 33), dtype=np.float32)
    confidence[10:20, WRIST] = 0.4
    found = strip(40, confidence=confidence)
    seen = found.seats["driver"].isfinite().all(dim=-1)
    assert not seen[10:20, WRIST].any()
    assert seen[:10, WRIST].all()
    assert not strip(40, confidence=0 * confidence).seats
    assert (len(found), found.present) == (40, 40)


def test_fast_recordings_are_thinned_and_lost_frames_are_missing():
    fast = strip(120, fps=60.0)
    assert (fast.fps, len(fast)) == (30.0, 60)
    torch.testing.assert_close(
        fast.seats["driver"], torch.from_numpy(points(120))[::2], equal_nan=True
    )
    times = np.array([0, 1, 2, 5, 6.2, 7]) / 30
    bumpy = strip(6, times=times)
    assert bumpy.seats["driver"][:, WRIST, 0].isfinite().tolist() == [1, 1, 1, 0, 0, 1, 1, 1]


def test_who_leaves_begins_a_new_clip():
    whole = strip(300)
    whole.seats["driver"][100:120] = torch.nan
    whole.seats["driver"][200:240] = torch.nan
    poses = whole.poses(absence=1.0)
    assert poses.clips.tolist() == [[0, 200], [200, 60]]
    assert set(poses.people) == {"a.parquet:driver"}
    assert len(pool([whole, strip(90, fps=25.0)], length=70, absence=1.0)) == 2
    assert list(pool([whole, strip(60, fps=25.0)], length=70, absence=1.0)) == ["30 fps"]


def test_whole_recordings_are_kept_back_where_there_are_enough():
    strips = [strip(100, f"{i}.csv", seed=i) for i in range(10)]
    kept = keep_back(strips, share=0.4, margin=20)
    names = [{s.name for s in part} for part in kept]
    assert [len(part) for part in names] == [6, 2, 2]
    assert len(set.union(*names)) == 10
    assert all(len(s) == 100 for part in kept for s in part)
    assert keep_back(strips, share=0.4, margin=20, seed=1).judge != kept.judge


def test_of_few_recordings_the_ends_are_kept_back_and_nothing_twice():
    kept = keep_back([strip(1000, seed=3)], share=0.4, margin=50)
    whole = points(1000, seed=3)
    (train,), (choose,), (judge,) = kept
    assert [len(train), len(choose), len(judge)] == [500, 200, 200]
    for part, first in ((train, 0), (choose, 550), (judge, 800)):
        expected = torch.from_numpy(whole[first : first + len(part)])
        torch.testing.assert_close(part.seats["driver"], expected, equal_nan=True)


def saved(model, path):
    """Write a network that knows somebody whose right arm hangs down."""
    made = Reconstruct(model=model, corruption=RandomJoints(ratio=0.4, hold=8, seed=1))
    known = adapt.Sampler(sets=pool([strip(600)], length=40, absence=1.0), length=40)
    made.prepare(known.draw(40, torch.Generator().manual_seed(0)))
    about = {"data": {"sktdd": ["sktdd_001"]}, "prior": {"people": ["sktdd_001"]}}
    training.write(path, made.network, about)
    return path


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """A quick network."""
    torch.manual_seed(0)
    return saved(MLP(widths=[32, 8]), tmp_path_factory.mktemp("weights") / "start.safetensors")


@pytest.fixture(scope="module")
def temporal(tmp_path_factory):
    """A small one of the kind that is shipped; slower, but it learns within a few steps."""
    torch.manual_seed(0)
    network = Temporal(width=16, dilations=[1], codes=4, dropout=0.0)
    return saved(network, tmp_path_factory.mktemp("weights") / "start.safetensors")


def arguments(start, output, **changes):
    made = Reconstruct(
        model=adapt.load_network(start),
        corruption=RandomJoints(ratio=0.6, hold=40, seed=1),
    )
    settings = {
        "strips": [strip(1500, f"{i}.csv", arm=0.5, seed=i) for i in range(3)],
        "objective": made,
        "trainer": Trainer(steps=40, batch_size=8, learning_rate=1e-2, warmup=2, average=0.0,
                           progress=False),
        "trials": TRIALS, "weights": start, "output": output, "minutes": None, "rounds": 2,
        "shares": (0.5, 1.0), "held_out": 0.5, "length": 40, "windows": 12,
    }  # fmt: skip
    return settings | changes


def test_who_sits_otherwise_is_learned_and_written(temporal, tmp_path):
    start = temporal
    output = tmp_path / "own.safetensors"
    found = adapt.run(**arguments(start, output, provenance={"command": "a test"}))
    assert found.written == output
    assert found.verdict.better
    assert found.verdict.change < -0.1
    forearm = found.table["forearm offline"]
    assert forearm["after"] < 0.8 * forearm["before"]
    about = checkpoint.load(output).metadata.provenance
    assert about["adapted_from"]["weights"] == "start.safetensors"
    assert len(about["adapted_from"]["sha256"]) == 64
    assert about["data"]["sktdd"] == ["sktdd_001"]
    named = [name for part in about["sources"].values() for name in part]
    assert sorted(named) == ["0.csv", "1.csv", "2.csv"]
    assert about["data"]["own"] == [f"{name}:driver" for name in about["sources"]["train"]]
    assert about["command"] == "a test"
    assert about["judged"] == found.table
    # what was judged is what was written
    judge = Judge(**_bench(start))
    once, again = judge.ask(adapt.load_network(output)), judge.ask(adapt.load_network(output))
    np.testing.assert_array_equal(once.error, again.error)
    assert judge.compare(judge.ask(adapt.load_network(start)), once).better
    AutoencoderCompleter(weights=output)


def _bench(start):
    made = Reconstruct(model=adapt.load_network(start), corruption=RandomJoints(ratio=0.3))
    sets = pool([strip(1500, "z.csv", arm=0.5, seed=9)], length=40, absence=1.0)
    return {"sets": sets, "trials": TRIALS, "objective": made, "length": 40, "windows": 12}


def test_what_is_no_better_is_not_written(start, tmp_path):
    output = tmp_path / "own.safetensors"
    output.write_bytes(b"what was there before")
    trainer = Trainer(steps=3, learning_rate=0.0, weight_decay=0.0, progress=False)
    same = {"trainer": trainer, "rounds": 5, "strips": [strip(3000)]}
    found = adapt.run(**arguments(start, output, **same))
    assert found.written is None
    assert output.read_bytes() == b"what was there before"
    assert len(found.rounds) == 2 * 2  # two rounds in vain are enough
    assert found.verdict.unit == "stretches"


def test_harm_is_undone(start, tmp_path):
    """Training that only does damage leaves the weights as they were."""
    settings = arguments(start, tmp_path / "own.safetensors", patience=1)
    made = settings["objective"]
    before = {k: v.clone() for k, v in made.network.named_parameters()}

    class Harmful(Trainer):
        def fit(self, objective, data, validation=()):
            with torch.no_grad():
                for value in objective.network.parameters():
                    value += 30 * torch.randn_like(value)

    settings["trainer"] = Harmful(steps=1)
    found = adapt.run(**settings)
    assert found.written is None
    for name, value in made.network.named_parameters():
        torch.testing.assert_close(value, before[name])


def test_kinds_that_the_recordings_do_not_show_keep_their_calibration(start, tmp_path):
    settings = arguments(start, tmp_path / "own.safetensors")
    network = settings["objective"].network
    network.calibration.fill_(1.7)
    network.choice.fill_(0.6)
    network.trust.fill_(0.3)
    adapt.run(**settings)
    arms = KINDS.index("arms_unseen")
    assert network.calibration[CAUSAL, arms] != pytest.approx(1.7)
    unseen = KINDS.index(
        "arms_moving_longer"
    )  # nothing is hidden for longer than 0.6 s and seen before
    assert network.calibration[CAUSAL, unseen] == pytest.approx(1.7)
    assert network.choice[CAUSAL, unseen] == pytest.approx(0.6)
    assert network.trust[CAUSAL, unseen] == pytest.approx(0.3)


def test_new_factors_count_the_more_the_more_is_kept_back(start):
    made = Reconstruct(model=adapt.load_network(start), corruption=RandomJoints(ratio=0.5, seed=1))
    made.network.calibration.fill_(1.7)
    before = {k: v.clone() for k, v in made.network.state_dict().items()}
    kind = KINDS.index("arms_moving_0.08s")
    apart = []
    for length in (400, 8000):  # 5 and 100 stretches
        kept = adapt.Sampler(sets=pool([strip(length)], length=40, absence=1.0), length=40)
        adapt._recalibrate(made, kept, before, windows=40, seed=0)
        share = (length // 80) / (length // 80 + 10)
        mixed = made.network.calibration[0, kind].log()
        drawn = kept.draw(40, torch.Generator().manual_seed(0))
        made.calibrate(drawn)
        full = made.network.calibration[0, kind].log()
        assert mixed == pytest.approx(float((1 - share) * np.log(1.7) + share * full), abs=1e-5)
        apart.append(abs(mixed - full) / abs(full - np.log(1.7)))
    assert apart[1] < 0.1 < 0.6 < apart[0]


def test_too_little_is_refused(start, tmp_path):
    output = tmp_path / "own.safetensors"
    with pytest.raises(SettingError, match="to train: give more recordings, or set length"):
        adapt.run(**arguments(start, output, strips=[strip(30)]))
    with pytest.raises(SettingError, match=r"needs 12 windows of 40 frames, but .* hold 6"):
        adapt.run(**arguments(start, output, strips=[strip(1000)]))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"rounds": 0}, "rounds=0"),
        ({"windows": 0}, "windows=0"),
        ({"shares": []}, r"shares=\[\]"),
        ({"shares": [1.5]}, "shares above 0 up to 1"),
        ({"minutes": 0.0}, "minutes must be more than 0, or null, but are 0"),
    ],
)
def test_numbers_that_cannot_be(start, tmp_path, wrong, said):
    with pytest.raises(SettingError, match=said):
        adapt.run(**arguments(start, tmp_path / "own.safetensors", **wrong))


def test_a_judge_hides_the_same_joints_every_time(start):
    one, other = Judge(**_bench(start)), Judge(**_bench(start))
    assert one.masks == other.masks
    assert one.masks != Judge(**(_bench(start) | {"trials": {"f": Parts(parts=["face"])}})).masks
    assert [q.name for q in one.questions] == [
        "forearm offline", "forearm causal", "random offline", "random causal"
    ]  # fmt: skip
    with pytest.raises(SettingError, match="nothing is seen of what legs hide"):
        Judge(**(_bench(start) | {"trials": {"legs": Parts(parts=["legs"])}}))


def test_a_verdict_is_of_differences_relative_to_each_question(start):
    judge = Judge(**_bench(start))
    before = judge.ask(adapt.load_network(start))
    assert before.error.shape == (4, 12)
    assert (before.coverage >= 0).all()
    halved = replace(before, error=before.error / 2)
    verdict = judge.compare(before, halved)
    assert verdict.change == pytest.approx(-0.5)
    assert verdict.high < -0.3
    assert verdict.better
    assert verdict.unit == "stretches"
    assert not judge.compare(before, before).better
    assert not judge.compare(halved, before).better
    assert not replace(verdict, groups=5).better
    assert Verdict(change=-0.1, low=-0.2, high=0.01, groups=9, unit="people").better is False
    text = lines(judge.table(before, halved), verdict)
    assert "change by -50.0%" in text[-1]
    assert len(text) == 6


def test_people_are_drawn_whole_where_there_are_enough(start):
    strips = [strip(100, f"{i}.csv", seed=i) for i in range(7)]
    settings = _bench(start) | {"sets": pool(strips, length=40, absence=1.0)}
    judge = Judge(**settings)
    before = judge.ask(adapt.load_network(start))
    found = judge.compare(before, before)
    assert (found.groups, found.unit) == (7, "people")


def _config(*overrides):
    with initialize_config_module("kpcomplete.conf", version_base="1.3"):
        cfg = compose("adapt", list(overrides), return_hydra_config=True)
        HydraConfig.instance().set_config(cfg)
        OmegaConf.set_readonly(cfg, False)
        return cfg


def test_the_config_fits_and_runs(start, tmp_path):
    cfg = _config(f"weights={start}", "trainer.steps=2", "minutes=null", "rounds=1", "length=40",
                  "windows=12", f"output={tmp_path / 'own.safetensors'}")  # fmt: skip
    found = instantiate(cfg.task, _convert_="all")(strips=[strip(4000)])
    assert {"left_forearm offline", "short_gap causal", "random offline"} <= set(found.table)


def write_csv(path, length, arm):
    rows = ["frame,joint,x,y"]
    for frame, pose in enumerate(points(length, arm=arm)):
        rows += [f"{frame},{j},{pose[i, 0]:.2f},{pose[i, 1]:.2f}" for i, j in JOINTS]
    path.write_text("\n".join(rows))
    return path


@pytest.mark.parametrize(("rate", "code"), [("0.01", 0), ("1e-9", 1)])
def test_the_command_writes_what_is_better_and_else_ends_1(rate, code, temporal, tmp_path, capsys):
    poses = write_csv(tmp_path / "ride.csv", 4000, arm=0.5)
    output = tmp_path / "own.safetensors"
    settings = ["minutes=null", "trainer.steps=20", "rounds=1", "length=40", "windows=14",
                f"trainer.learning_rate={rate}", "trainer.average=0", "shares=[1.0]",
                *(f"~trials.{name}" for name in LEFT_OUT)]  # fmt: skip
    ended = 0
    try:
        cli.run("adapt", f"source={poses}", f"weights={temporal}", f"output={output}", *settings)
    except SystemExit as end:
        ended = end.code
    said = capsys.readouterr().out
    assert ended == code
    assert output.exists() == (code == 0)
    assert ("better: use it with completer.weights=" in said) == (code == 0)
    assert ("nothing is written" in said) == (code == 1)
    assert "95 % interval" in said


def test_people_of_videos_are_found_first(start, tmp_path, capsys):
    video = video_files.write(tmp_path / "empty.mp4")
    out = tmp_path / "found"
    with pytest.raises(SystemExit, match=r"nobody is in .* with a confidence of at least 0.5"):
        cli.run("adapt", f"source={video}", f"weights={start}", f"output_dir={out}", "seats=none")
    assert "finding the people of 1 recordings first, as process does" in capsys.readouterr().out
    assert sorted(p.name for p in out.iterdir()) == ["empty.parquet", "manifest.csv"]
    assert len(read_archive(out / "empty.parquet")) == 30
