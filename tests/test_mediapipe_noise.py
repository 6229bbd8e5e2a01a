"""Noise that was fitted to a detector: it has the distributions that it was fitted to."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from kpcomplete import staged
from kpcomplete.batch import PoseBatch
from kpcomplete.benchmark.detector_noise import run, simulate
from kpcomplete.benchmark.noise_fit import RANKS, fit
from kpcomplete.benchmark.noise_ks import by_cause, by_chance
from kpcomplete.benchmark.noise_loss import losses
from kpcomplete.benchmark.noise_pairs import Pairs, pairs, samples
from kpcomplete.benchmark.noise_ties import over_time
from kpcomplete.cabin.visibility import CAUSES as NAMED
from kpcomplete.corruption.mediapipe_noise import MediaPipeNoise
from kpcomplete.corruption.noise_tables import CAUSES, VIEWS, NoiseTables
from kpcomplete.errors import ModelFileError, SettingError
from kpcomplete.skeleton import Skeleton
from kpcomplete.staged import Scene

#: Left joints are off to the right of the image, right ones to the left.
SIDE = np.array([-1.0 if "right" in name else 1.0 for name in Skeleton.load("blazepose33").joints])


def scene(number, frames=60, fps=15.0, seat="driver", times=1.0, gone=()):
    """Seen joints are off by about 0.05 to one side, hidden ones by 0.5; who is sure is right."""
    rng = np.random.default_rng(number)
    truth = np.tile(rng.uniform(100, 500, (33, 2)), (frames, 1, 1)).astype(np.float32)
    truth[:, 11], truth[:, 12] = (350, 200), (250, 200)  # shoulders 100 pixels apart
    truth[:, 0] = (300, 140)
    cause = np.zeros((frames, 33), np.uint8)
    cause[:, 15:23] = NAMED.index("vehicle")
    cause[:, list(gone)] = NAMED.index("vehicle")
    hidden = cause != 0
    kept = rng.normal(size=(1, 33)).repeat(frames, 0)
    score = np.sqrt(0.8) * kept + np.sqrt(0.2) * rng.normal(size=(frames, 33))
    far = 100 * times * np.where(hidden, 0.5, 0.05) * np.exp(0.4 * score)
    turn = rng.normal(0.0, 0.8, (frames, 33))
    offset = far[..., None] * np.stack([SIDE * np.cos(turn), np.sin(turn)], axis=-1)
    return Scene(
        person=f"1_{number:03d}_{seat}", seat=seat, camera="mirror", fps=fps,
        image_size=(640, 480), keypoints=(truth + offset).astype(np.float32),
        confidence=(np.where(hidden, 0.4, 0.9) - 0.05 * np.tanh(score)).astype(np.float32),
        truth=truth, visible=~hidden, cause=cause,
    )  # fmt: skip


@pytest.fixture(scope="module")
def tables():
    return fit([pairs(scene(n)) for n in range(24)])


def drawn(tables, cause, frames=30, windows=300, view="mirror driver"):
    noise = MediaPipeNoise(tables=tables, seed=1)
    times = (torch.arange(frames) / 15).expand(windows, frames)
    hidden = torch.zeros(windows, frames, 33, dtype=torch.long)
    hidden[..., 15:23] = CAUSES.index("vehicle")
    hidden = hidden if cause == "as drawn" else torch.full_like(hidden, CAUSES.index(cause))
    return noise.draw(hidden, times, torch.full((windows,), VIEWS.index(view)))


@pytest.mark.parametrize(("cause", "joint"), [("visible", 5), ("vehicle", 16)])
def test_distances_and_visibility_are_distributed_as_measured(tables, cause, joint):
    offset, sure = drawn(tables, "as drawn")
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


def middle(tables, view, joint=5):
    return drawn(tables, "as drawn", view=view)[0][:, :, joint].norm(dim=-1).median().item()


def test_the_view_is_fitted_and_what_one_person_says_of_it_is_not_believed():
    front = [pairs(scene(n)) for n in range(24)]
    rear = [pairs(scene(n + 24, seat="rear_left", times=3.0)) for n in range(24)]
    tables = fit(front + rear)
    assert middle(tables, "mirror rear_left") == pytest.approx(
        3 * middle(tables, "mirror driver"), rel=0.35
    )
    plain = fit(front + rear, known=("hidden", "cut"))
    assert middle(plain, "mirror rear_left") == pytest.approx(middle(plain, "mirror driver"))
    few = fit(front + rear[:1])
    assert middle(few, "mirror rear_left") < 1.6 * middle(few, "mirror driver")
    tested = samples([pairs(scene(n + 60, seat="rear_left", times=3.0)) for n in range(8)])
    assert losses(tables, tested)[5, 0] < 0.7 * losses(plain, tested)[5, 0]


def test_the_degree_of_occlusion_is_fitted():
    """Faces are off four times as far where most of the face is hidden."""
    free = [pairs(scene(n)) for n in range(24)]
    lost = [pairs(scene(n + 24, times=4.0, gone=range(11))) for n in range(24)]
    for some in lost:
        some.cause[:, 5] = 0  # one eye looks out of it
    tables = fit(free + lost)
    noise, times = MediaPipeNoise(tables=tables), (torch.arange(9) / 15).expand(300, 9)
    view, found = torch.full((300,), VIEWS.index("mirror driver")), []
    for some in (free[0], lost[0]):
        cause = torch.from_numpy(some.cause[:9]).expand(300, 9, 33)
        found.append(noise.draw(cause, times, view)[0][:, :, 5].norm(dim=-1).median())
    assert found[1] > 2 * found[0]


def test_what_is_drawn_for_the_same_scenes_is_distributed_as_measured():
    """A few views in which joints are far off make no other ones so."""
    scenes = [pairs(scene(n)) for n in range(40)]
    scenes += [pairs(scene(n + 40, seat="rear_left", times=20.0)) for n in range(12)]
    drawn = samples(simulate(fit(scenes), scenes, seed=0))
    assert by_cause(samples(scenes), drawn, "simulation")["max"] < 0.05


def test_visibilities_next_to_one_stay_there():
    """What few people would tell is mixed with what all joints tell, not averaged."""
    scenes = [pairs(scene(n)) for n in range(24)]
    for some in scenes:
        some.confidence[:, 5] = 1.0 - 1e-4 * some.confidence[:, 5]
        some.confidence[:, 2] = 1.0 - 1e-4 * some.confidence[:, 2]  # its mirror image
    _, sure = drawn(fit(scenes), "as drawn")
    assert sure[:, :, 5].quantile(0.1) > 0.999


def test_the_shipped_tables_are_whole_and_small():
    found = NoiseTables.load("detector_noise")
    assert found.distance.shape == (33, len(CAUSES), RANKS)
    assert (found.distance.diff(dim=-1) >= 0).all()
    assert found.distance.max() < 100
    assert (found.confidence >= 0).all()
    assert (found.confidence <= 1).all()
    hidden = found.confidence[15:17, CAUSES.index("vehicle")].mean()
    assert hidden < found.confidence[15:17, CAUSES.index("visible")].mean()
    file = Path(str(files("kpcomplete.weights"))) / "detector_noise.safetensors"
    assert file.stat().st_size <= 200_000


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


def test_files_of_tables_that_know_the_cause_only_are_refused(tmp_path):
    old = dict(vars(NoiseTables.load("detector_noise")))
    for name in ("hidden", "cut", "view", "spread", "power", "views"):
        del old[name]
    save_file(old, tmp_path / "a")
    with pytest.raises(ModelFileError, match=r"should hold the tables.*'hidden'"):
        MediaPipeNoise(weights=str(tmp_path / "a"))


def test_the_benchmark_fits_writes_and_measures(tmp_path, capsys):
    file = tmp_path / "a.safetensors"
    staged.write(file, [scene(n) for n in range(16)])
    found = run(
        material=[file], output=tmp_path / "t.safetensors", plot=tmp_path / "p.png", compared=True
    )
    assert found["frames"] == 16 * 60
    assert found["visibility_auroc"] > 0.95
    assert found["invented"] == 0.0
    assert 0.0 < found["ks_max"] < 0.6
    printed = capsys.readouterr().out
    assert "held-out rides against simulation, vehicle: KS of distance" in printed
    assert "by chance, vehicle: KS of distance" in printed
    assert "invented, hidden by vehicle: measured 0.000, simulated 0.000" in printed
    assert "correlation of distance after 0.1 s: measured 0." in printed
    assert "without view" in printed
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
    other = Scene(**{**vars(scene(0)), "camera": "drone"})
    with pytest.raises(SettingError, match="but it is as 'drone driver'"):
        pairs(other)


def test_rides_that_differ_are_apart_by_chance():
    """Among rides that are alike it is not to be expected that others would differ."""
    alike = samples([pairs(scene(0)) for _ in range(8)])
    alike.ride[:] = np.arange(len(alike.ride)) // (len(alike.ride) // 8)
    unlike = samples([pairs(scene(n, times=1.0 + n)) for n in range(8)])
    assert by_chance(alike, seed=0) < 1e-6
    assert 0.1 < by_chance(unlike, seed=0) < 0.5
    assert by_cause(unlike, unlike, "themselves")["max"] == 0.0


@pytest.mark.parametrize(("stays", "seconds", "power"), [(0.5, 0.3, 1.0), (0.02, 1.0, 1.9)])
def test_how_errors_last_is_found_again(stays, seconds, power):
    scenes = [pairs(scene(0)) for _ in range(60)]
    gap = np.abs(np.subtract.outer(np.arange(60), np.arange(60))) / 15
    ties = stays + (1 - stays) * np.exp(-((gap / seconds) ** power)) + 1e-6 * np.eye(60)
    drawn = np.linalg.cholesky(ties) @ np.random.default_rng(0).standard_normal((60, 60, 33))
    found = over_time(drawn.reshape(-1, 33), scenes)
    assert found == pytest.approx((stays, seconds, power), rel=0.3, abs=0.1)
