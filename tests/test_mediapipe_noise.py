"""Noise that was fitted to a detector: it has the distributions that it was fitted to."""

import numpy as np
import pytest
import torch

from kpcomplete import staged
from kpcomplete.batch import PoseBatch
from kpcomplete.benchmark.detector_noise import run
from kpcomplete.benchmark.noise_fit import RANKS, Pairs, fit, pairs
from kpcomplete.cabin.visibility import CAUSES as NAMED
from kpcomplete.corruption.mediapipe_noise import CAUSES, MediaPipeNoise, NoiseTables
from kpcomplete.errors import ModelFileError, SettingError
from kpcomplete.skeleton import Skeleton
from kpcomplete.staged import Scene

#: Left joints are off to the right of the image, right ones to the left.
SIDE = np.array([-1.0 if "right" in name else 1.0 for name in Skeleton.load("blazepose33").joints])


def scene(number, frames=60, fps=15.0):
    """Seen joints are off by about 0.05 to one side, hidden ones by 0.5; who is sure is right."""
    rng = np.random.default_rng(number)
    truth = np.tile(rng.uniform(100, 500, (33, 2)), (frames, 1, 1)).astype(np.float32)
    truth[:, 11], truth[:, 12] = (350, 200), (250, 200)  # shoulders 100 pixels apart
    truth[:, 0] = (300, 140)
    cause = np.zeros((frames, 33), np.uint8)
    cause[:, 15:23] = NAMED.index("vehicle")
    hidden = cause != 0
    kept = rng.normal(size=(1, 33)).repeat(frames, 0)
    score = np.sqrt(0.8) * kept + np.sqrt(0.2) * rng.normal(size=(frames, 33))
    far = 100 * np.where(hidden, 0.5, 0.05) * np.exp(0.4 * score)
    turn = rng.normal(0.0, 0.8, (frames, 33))
    offset = far[..., None] * np.stack([SIDE * np.cos(turn), np.sin(turn)], axis=-1)
    return Scene(
        person=f"1_{number:03d}_driver", seat="driver", camera="mirror", fps=fps,
        image_size=(640, 480), keypoints=(truth + offset).astype(np.float32),
        confidence=(np.where(hidden, 0.4, 0.9) - 0.05 * np.tanh(score)).astype(np.float32),
        truth=truth, visible=~hidden, cause=cause,
    )  # fmt: skip


@pytest.fixture(scope="module")
def tables():
    return fit([pairs(scene(n)) for n in range(24)])


def drawn(tables, cause, frames=30, windows=300):
    noise = MediaPipeNoise(tables=tables, seed=1)
    times = (torch.arange(frames) / 15).expand(windows, frames)
    return noise.draw(torch.full((windows, frames, 33), CAUSES.index(cause)), times)


@pytest.mark.parametrize(("cause", "joint"), [("visible", 5), ("vehicle", 16)])
def test_distances_and_visibility_are_distributed_as_measured(tables, cause, joint):
    offset, sure = drawn(tables, cause)
    measured = [pairs(scene(n)) for n in range(24)]
    far = np.concatenate([m.distance[:, joint] for m in measured])
    grid = [0.1, 0.25, 0.5, 0.75, 0.9]
    found = np.quantile(offset[:, :, joint].norm(dim=-1).numpy(), grid)
    np.testing.assert_allclose(found, np.quantile(far, grid), rtol=0.35)
    ratio = 0.4 if cause == "vehicle" else 0.9
    assert sure[:, :, joint].mean().item() == pytest.approx(ratio, abs=0.02)


def test_errors_last_point_to_one_side_and_are_known_to_the_confidence(tables):
    offset, sure = drawn(tables, "visible")
    far = offset.norm(dim=-1)
    ways = torch.nn.functional.normalize(offset, dim=-1)[..., 0].mean(dim=(0, 1))
    assert ((ways * torch.from_numpy(SIDE))[1:] > 0.4).all()
    apart = far[:, 0, 5].log(), far[:, -1, 5].log()
    assert torch.corrcoef(torch.stack(apart))[0, 1] > 0.5
    assert torch.corrcoef(torch.stack([far[..., 5].flatten(), sure[..., 5].flatten()]))[0, 1] < -0.5


def test_hidden_joints_are_reported_as_often_as_measured(tables):
    batch = PoseBatch.from_keypoints(torch.zeros(500, 4, 33, 2))
    plain = MediaPipeNoise(tables=tables)(batch).keypoints.norm(dim=-1)
    some = MediaPipeNoise(tables=tables, hidden=0.5)(batch).keypoints.norm(dim=-1)
    assert (plain[..., 15:23] > 0.25).float().mean() < 0.1 or tables.causes[15, 2] == 1
    wrist = (some[..., 15] > 0.2).float().mean().item()
    assert wrist == pytest.approx(0.5, abs=0.15)  # half of always
    assert (some[..., 5] > 0.2).float().mean() < 0.05


def test_the_shipped_tables_are_whole_and_small():
    found = NoiseTables.load("detector_noise")
    assert found.distance.shape == (33, len(CAUSES), RANKS)
    assert (found.distance.diff(dim=-1) >= 0).all()
    assert (found.confidence >= 0).all()
    assert (found.confidence <= 1).all()
    hidden = found.confidence[15:17, CAUSES.index("vehicle")].mean()
    assert hidden < found.confidence[15:17, CAUSES.index("visible")].mean()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"hidden": 1.2}, "hidden must be a share"),
        ({"unit": 0.0}, "unit > 0 and strength >= 0"),
        ({"strength": -1.0}, "strength=-1.0"),
    ],
)
def test_bad_numbers_are_refused(changes, text):
    with pytest.raises(ValueError, match=text):
        MediaPipeNoise(**changes)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a").write_bytes(b"no")
    with pytest.raises(ModelFileError, match="should hold the tables"):
        MediaPipeNoise(weights=str(tmp_path / "a"))


def test_the_benchmark_fits_writes_and_measures(tmp_path, capsys):
    file = tmp_path / "a.safetensors"
    staged.write(file, [scene(n) for n in range(16)])
    found = run(material=[file], output=tmp_path / "t.safetensors", plot=tmp_path / "p.png")
    assert found["frames"] == 16 * 60
    assert found["visibility_auroc"] > 0.95
    assert found["invented"] == 0.0
    assert 0.0 < found["ks_max"] < 0.6
    assert "vehicle: KS of distance" in capsys.readouterr().out
    assert MediaPipeNoise(weights=str(tmp_path / "t.safetensors"))
    assert (tmp_path / "p.png").stat().st_size > 10_000
    staged.write(file, [scene(0)])
    with pytest.raises(SettingError, match="at least 4 rides"):
        run(material=[file])


def test_old_scenes_do_not_say_why():
    old = Scene(**{**vars(scene(0)), "cause": None})
    with pytest.raises(SettingError, match="draw it anew"):
        pairs(old)
    assert isinstance(pairs(scene(0)), Pairs)
