from dataclasses import replace

import numpy as np
import pytest
import torch
from solid_people import SKELETON, seen, sitter

from kpcomplete.batch import PoseBatch
from kpcomplete.cabin.cameras import draw_camera
from kpcomplete.checkpoint import load
from kpcomplete.corruption.parts import Parts
from kpcomplete.data.projection import CameraRange
from kpcomplete.data.solid import SolidSampler, SolidSet, mirrored
from kpcomplete.errors import SettingError, ShapeError
from kpcomplete.lift_training import run
from kpcomplete.lifter.temporal import Temporal
from kpcomplete.objective.lift import Lift, relative
from kpcomplete.trainer import Trainer

CAMERA = CameraRange(name="front", azimuth=[-40, 40], elevation=[0, 20], distance=[0.9, 1.5])


def people(names=("anna", "bert", "carl"), frames=40):
    sway = 0.05 * np.sin(np.arange(frames) / 5)[:, None, None] * np.array([1, 0, 0])
    clips = [(0.8 + 0.1 * i) * sitter()[None] + sway for i in range(len(names))]
    starts = torch.arange(len(names)) * frames
    return SolidSet(
        points=torch.from_numpy(np.concatenate(clips).astype(np.float32)),
        clips=torch.stack([starts, torch.full_like(starts, frames)], dim=1),
        people=tuple(names), fps=30.0, cameras=(CAMERA,), nearest=0.2,
    )  # fmt: skip


def sampler(lengths=(8, 16)):
    return SolidSampler(sets={"made": people()}, shares={"made": 1.0}, lengths=lengths)


def objective(**options):
    return Lift(**({"model": Temporal(width=16), "corruption": Parts(parts=["legs"])} | options))


def test_views_project_to_their_pixels_and_keep_sizes():
    batch = sampler().draw(6, torch.Generator().manual_seed(0))
    pixels = batch.solid[..., :2] / batch.solid[..., 2:] * batch.focal[:, None, None, None]
    torch.testing.assert_close(pixels, batch.keypoints)
    left, right = SKELETON.indices(["left_shoulder", "right_shoulder"])
    apart = (batch.solid[:, :, left] - batch.solid[:, :, right]).norm(dim=-1)
    assert ((apart > 0.28) & (apart < 0.37)).all()
    assert (batch.solid[..., 2] > 0.19).all()


def test_a_draw_has_as_many_frames_whatever_its_windows():
    shapes = {sampler().draw(4, torch.Generator().manual_seed(i)).times.shape for i in range(9)}
    assert shapes == {(8, 8), (4, 16)}


def test_a_mirror_image_is_somebody_else_who_is_seen_as_well():
    batch = sampler().draw(2, torch.Generator().manual_seed(0))
    other = mirrored(batch, torch.tensor([True, False][: len(batch)] + [False] * (len(batch) - 2)))
    left, right = SKELETON.indices(["left_wrist", "right_wrist"])
    torch.testing.assert_close(other.solid[0, :, left, 0], -batch.solid[0, :, right, 0])
    torch.testing.assert_close(other.keypoints[0, :, left, 0], -batch.keypoints[0, :, right, 0])
    torch.testing.assert_close(other.solid[1], batch.solid[1])


def test_nobody_is_in_both_parts_of_a_split():
    rest, held = people().split(["bert"])
    assert (rest.people, held.people) == (("anna", "carl"), ("bert",))
    assert set(held.starts(40).tolist()) == {40}
    assert set(rest.starts(40).tolist()) == {0, 80}


def test_hidden_joints_have_no_influence():
    learned = objective(corrupted=1.0, noise=0.0)
    clean = seen()
    legs = torch.zeros_like(clean.observed)
    legs[:, :, 25:] = True
    moved = replace(clean, keypoints=torch.where(legs[..., None], 50.0, clean.keypoints))
    learned.eval()
    for batch in (clean, moved):
        learned.reseed(0)
        view = learned.sight(batch)
        assert not view.given[:, :, 25:].any()
    learned.reseed(0)
    a = learned.sight(clean)
    torch.testing.assert_close(a.rays[:, :, 25:].sum(), torch.tensor(2.0 * 12 * 8))


def test_completed_joints_are_given_but_not_seen():
    def fill(batch: PoseBatch) -> PoseBatch:
        ones = torch.ones_like(batch.observed)
        covariance = 0.04 * torch.eye(2).expand(*batch.observed.shape, 2, 2)
        return replace(batch, observed=ones, covariance=covariance)

    learned = objective(corrupted=1.0, completed=1.0, noise=0.0, completer=fill)
    view = learned.sight(seen())
    assert view.given.all()
    assert not view.seen[:, :, 25:].any()
    assert (view.std[:, :, 25:] > 0).all()
    assert not view.std[:, :, :25].any()


def test_only_so_many_windows_are_completed_in_training():
    def fill(batch: PoseBatch) -> PoseBatch:
        sizes.append(len(batch))
        return replace(batch, observed=torch.ones_like(batch.observed))

    sizes: list[int] = []
    learned = objective(completed=1.0, most=2, completer=fill)
    learned.train().sight(seen(windows=5))
    learned.eval().sight(seen(windows=5))
    assert sizes == [2, 5]


def test_the_error_is_that_of_the_relative_pose():
    learned = objective(corrupted=0.0, noise=0.0).eval()
    truth = seen().solid
    moved = truth + torch.tensor([0.3, 0.0, 0.0])
    figures = learned._figures(moved, torch.full(truth.shape[:-1], 0.02), truth)
    assert float(figures["error"]) < 1e-3
    bent = truth.clone()
    bent[:, :, 15] += torch.tensor([0.0, 0.33, 0.0])
    figures = learned._figures(bent, torch.full(truth.shape[:-1], 0.02), truth)
    assert float(figures["error"]) == pytest.approx(0.01, abs=3e-4)
    torch.testing.assert_close(relative(moved), relative(truth))


def test_deviations_become_true_of_strangers():
    learned = objective(corrupted=0.0, noise=0.0)
    batch = sampler((16,)).draw(8, torch.Generator().manual_seed(0))
    before = learned.calibrate(batch)
    after = learned.calibrate(batch)
    assert after["factor"] == pytest.approx(1.0, abs=0.02)
    assert after["coverage"] == pytest.approx(0.9, abs=0.02)
    assert before["factor"] > 0


def test_other_material_is_refused():
    flat = PoseBatch.from_keypoints(torch.rand(2, 4, 33, 2))
    for use in (objective(), objective().calibrate, objective().evaluate):
        with pytest.raises(ShapeError, match="lifting is learned from 3D"):
            use(flat)
    with pytest.raises(ValueError, match="at least once"):
        objective(reuse=0)
    with pytest.raises(ValueError, match=r"0\.\.1, but got 1\.5"):
        objective(corrupted=1.5)


class Made:
    """A data set of the right form."""

    def __init__(self, names, frames=40):
        self.names, self.frames = names, frames


MADE = classmethod(lambda cls, data: people(data.names, data.frames))


def test_a_short_run_writes_a_lifter_of_the_people_it_may_know(tmp_path, monkeypatch):
    monkeypatch.setattr(SolidSet, "of", MADE)
    path = tmp_path / "lifter.safetensors"
    settings = {
        "objective": objective(), "data": {"made": Made(("anna", "bert", "carl"))},
        "trainer": Trainer(steps=4, batch_size=2, report_every=2, progress=False),
        "output": path, "shares": {"made": 1.0}, "lengths": [8, 16], "windows": 4,
    }  # fmt: skip
    record = run(held_out=["bert"], excluded=["carl"], **settings)
    assert record["data"] == {"made": ["anna"]}
    assert set(record["metrics"]["made"]) == {"causal", "offline", "distance"}
    assert load(path).metadata.provenance["held_out"] == ["bert"]
    with pytest.raises(SettingError, match="held_out and excluded must name some of anna"):
        run(held_out=["dora"], **settings)
    with pytest.raises(SettingError, match="but name nobody"):
        run(held_out=[], **settings)


def test_strangers_of_short_clips_are_measured_too(tmp_path, monkeypatch):
    monkeypatch.setattr(SolidSet, "of", MADE)
    record = run(
        objective=objective(), held_out=["bert"], excluded=["carl", "dora"], windows=4,
        data={"long": Made(("anna", "bert", "carl")), "short": Made(("anna", "dora"), 10)},
        trainer=Trainer(steps=2, batch_size=2, report_every=2, progress=False),
        output=tmp_path / "lifter.safetensors", shares={"long": 1.0, "short": 1.0},
        lengths=[8, 16],
    )  # fmt: skip
    assert set(record["metrics"]) == {"long", "short"}


def test_shares_and_lengths_must_fit():
    with pytest.raises(SettingError, match="shares must name the sets"):
        SolidSampler(sets={"made": people()}, shares={"other": 1.0}, lengths=[8])
    with pytest.raises(SettingError, match="fit in no clip"):
        SolidSampler(sets={"made": people()}, shares={"made": 1.0}, lengths=[8, 50])


def mounted(batch, kind="mirror"):
    """Return windows seen from the windscreen."""
    eye = draw_camera(kind, (640, 480), np.random.default_rng(0))
    where = np.column_stack([eye.turn, -eye.turn @ eye.center]).astype(np.float32)
    return replace(batch, mounting=torch.from_numpy(where).expand(len(batch), 3, 4))


def test_cameras_of_simulated_people_know_where_in_the_car_they_are():
    clips = replace(people(), in_car=True, nearest=1.5)  # cameras move back
    for data, known in ((clips, True), (people(), False)):
        frames = clips.clips[:, :1] + torch.arange(5)
        batch = data.see(frames, torch.Generator().manual_seed(2))
        assert bool(batch.mounting.any()) == known
    # x left, y up, z ahead of the data, x left, y back, z up of the car
    cabin = torch.stack([clips.points[..., 0], -clips.points[..., 2], clips.points[..., 1]], -1)
    batch = clips.see(frames, torch.Generator().manual_seed(2))
    seen = torch.einsum("bij,btkj->btki", batch.mounting[..., :3], cabin[frames])
    seen = seen + batch.mounting[:, None, None, :, 3]
    torch.testing.assert_close(seen, batch.solid, atol=1e-5, rtol=0)


def test_a_mirror_shows_a_mirrored_car():
    batch = mounted(seen(windows=2))
    swap = torch.tensor([True, False])
    other = mirrored(batch, swap)
    point, flip = torch.tensor([0.3, 0.1, 0.7]), torch.tensor([-1.0, 1.0, 1.0])

    def shown(windows, where):
        return windows.mounting[..., :3] @ where + windows.mounting[..., 3]

    torch.testing.assert_close(shown(other, flip * point)[0], flip * shown(batch, point)[0])
    torch.testing.assert_close(other.mounting[1], batch.mounting[1])


@pytest.mark.parametrize(("share", "told"), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_where_cameras_are_is_told_of_a_share_of_the_windows_that_know_it(share, told):
    batch = mounted(seen(windows=200, time=1))
    batch = replace(batch, mounting=batch.mounting * (torch.arange(200) % 2)[:, None, None])
    found = objective(mounted=share, slack=(0.0, 0.0)).sight(batch).mounting[:, 0]
    known = found.abs().amax(dim=(1, 2)) > 0
    assert not known[::2].any()
    assert float(known[1::2].float().mean()) == pytest.approx(told, abs=0.1)
    torch.testing.assert_close(found[known], batch.mounting[known])


def test_where_a_camera_is_may_be_a_little_wrong():
    batch = mounted(seen(windows=400, time=1))
    found = objective(mounted=1.0, slack=(0.02, 1.0)).sight(batch).mounting[:, 0]
    turn, shift = found[..., :3], found[..., 3:]
    torch.testing.assert_close(turn @ turn.mT, torch.eye(3).expand_as(turn), atol=1e-5, rtol=0)
    off = -(turn.mT @ shift) + batch.mounting[..., :3].mT @ batch.mounting[..., 3:]
    torch.testing.assert_close(off.std(dim=0).squeeze(), torch.full((3,), 0.02), atol=0.003, rtol=0)
    cosine = ((turn * batch.mounting[..., :3]).sum(dim=(1, 2)) - 1) / 2
    degrees = torch.rad2deg(torch.arccos(cosine.clamp(-1, 1)))
    assert float(degrees.square().mean().sqrt()) == pytest.approx(3**0.5, abs=0.15)
