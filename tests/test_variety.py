"""What people of the simulated cabin wear, hold and sit on; stagings and simulations that go on."""

import os
import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from kpcomplete import shooting, staged, staging
from kpcomplete.app.simulate import simulate
from kpcomplete.benchmark.nearness import Met
from kpcomplete.cabin import headwear, nearness, padding, rear, strangers
from kpcomplete.cabin.cameras import draw_camera
from kpcomplete.cabin.clothes import Outfit, Surface
from kpcomplete.cabin.landmarks import NAMES
from kpcomplete.cabin.strangers import Variety
from kpcomplete.cabin.themes import SHARES
from kpcomplete.cabin.things import draw_load
from kpcomplete.data.simulated import read_tensors
from kpcomplete.errors import SettingError

TESTS = Path(__file__).parent
_EYES, _CHIN, _CROWN = 1.60, 1.49, 1.70  # metres above the floor, of the ball below


@pytest.fixture
def head():
    """A ball for a head, its face at -y, with what a hat and glasses ask for."""
    rng = np.random.default_rng(0)
    ball = rng.normal(size=(4000, 3))
    ball = np.array([0.0, 0.0, _EYES]) + 0.1 * ball / np.linalg.norm(ball, axis=1, keepdims=True)
    points = {"nose": np.array([0.0, -0.1, 1.565])}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        points[f"{side}_eye"] = np.array([0.032 * sign, -0.095, _EYES])
        points[f"{side}_eye_outer"] = np.array([0.043 * sign, -0.09, _EYES])
        points[f"{side}_ear"] = np.array([0.075 * sign, 0.0, 1.59])
    ones = np.ones(len(ball))
    return Surface(ball, {"head": ones}, ones < 0, ones, points)


def covered(head, **outfit):
    colors, thickness = np.zeros((len(head.vertices), 3)), np.zeros(len(head.vertices))
    headwear.cover(colors, thickness, head, Outfit(hat_color=(1, 1, 1), **outfit))
    assert ((colors.sum(axis=1) > 0) == (thickness > 0)).all()
    return head.vertices[thickness > 0]


def test_a_hat_is_above_and_a_mask_before_and_below_the_eyes(head):
    assert not len(covered(head))
    hat, mask = covered(head, hat="beanie"), covered(head, mask=(1.0, 1.0, 1.0))
    assert len(hat) > 100
    assert hat[hat[:, 1] < -0.05][:, 2].min() > _EYES + 0.02
    assert len(mask) > 50
    assert mask[:, 2].max() < _EYES
    assert mask[:, 1].max() < 0.0


def test_peaks_and_glasses_stand_before_the_face(head):
    assert headwear.worn(head, Outfit(hat="beanie")) is None
    peak = headwear.worn(head, Outfit(hat="cap"))
    assert peak.vertices[:, 1].min() < -0.13
    assert peak.vertices[:, 2].min() > _EYES + 0.02
    clear, dark = (headwear.worn(head, Outfit(glasses=kind)) for kind in ("clear", "dark"))
    assert len(dark.vertices) > len(clear.vertices)
    off = clear.vertices - head.points["left_eye"]
    assert np.linalg.norm(off, axis=1).min() < 0.035
    assert np.linalg.norm(clear.vertices - head.points["left_ear"], axis=1).min() < 0.03
    assert not (np.linalg.norm(off[:, [0, 2]], axis=1) < 0.01).any()  # one sees through


def test_people_wear_and_hold_as_much_as_wanted():
    rng = np.random.default_rng(0)
    variety = Variety(glasses=0.5, hats=0.4, masks=0.2, loads=0.3)
    outfits = [strangers.draw_headwear(Outfit(), variety, rng) for _ in range(600)]
    shares = np.mean([[bool(o.glasses), bool(o.hat), o.mask is not None] for o in outfits], axis=0)
    np.testing.assert_allclose(shares, (0.5, 0.4, 0.2), atol=0.07)
    assert {o.hat for o in outfits} == set(headwear.HATS)
    assert {o.glasses for o in outfits} == set(headwear.GLASSES)
    assert strangers.draw_headwear(Outfit(), Variety(), rng).hat == ""
    loads = [draw_load(np.zeros(3), 1.0, 0.3, rng) for _ in range(600)]
    there = [load for load in loads if load is not None]
    assert len(there) / 600 == pytest.approx(0.3, abs=0.07)
    for load in there:
        low = load.mesh().vertices.min(axis=0)
        assert low[2] == pytest.approx(0.10, abs=0.01)  # on the lap
    with pytest.raises(SettingError, match=r"share of masks must be from 0 to 1, but got 1\.5"):
        Variety(masks=1.5)


def test_those_behind_do_what_others_do():
    assert set(rear.THEMES) <= set(SHARES)
    assert all("_" in seat for seat in rear.PLACES)


# -- nearness ------------------------------------------------------------------------------------


def test_limits_of_nearness_are_of_joints_and_solids_that_exist():
    solids = {*padding.BARS, *padding.BALLS, *padding.SLABS}
    for joint, limits in nearness.NEAR.items():
        assert joint in {nearness.kind(name) for name in NAMES}
        for solid, limit in limits.items():
            assert solid.removeprefix("far ") in solids
            assert 0.0 <= limit <= 1.0


def test_a_limit_is_wrong_where_the_surface_says_otherwise():
    met = Met(
        before=np.array([0.1, 0.2, 0.3, 0.1]), hidden=np.array([False, True, False, True]),
        fitted=np.array([True, True, False, False]),
    )  # fmt: skip
    assert (met.wrong(0.15, True), met.wrong(0.25, True), met.wrong(0.15, False)) == (0, 1, 2)


def test_solids_of_the_other_side_are_far(monkeypatch):
    monkeypatch.setattr(nearness, "NEAR", {"wrist": {"palm": 0.1, "far palm": 0.2, "neck": 0.3}})
    found = nearness.measured(["palm.L", "palm.R", "neck", "leg.thigh.L"])
    np.testing.assert_equal(found[NAMES.index("left_wrist")], [0.1, 0.2, 0.3, np.nan])
    np.testing.assert_equal(found[NAMES.index("right_wrist")], [0.2, 0.1, 0.3, np.nan])
    assert np.isnan(found[NAMES.index("nose")]).all()


# -- going on after a kill -----------------------------------------------------------------------


def killed(what, file):
    """Run one of `cabin_killed` in a process of its own, which kills itself in its third ride."""
    done = subprocess.run(
        [sys.executable, str(TESTS / "cabin_killed.py"), what, str(file)],
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(TESTS)},
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert not file.exists()


def test_a_killed_simulation_goes_on_where_it_was(tmp_path, monkeypatch):
    import cabin_killed

    file = tmp_path / "a.safetensors"
    killed("simulate", file)
    with cabin_killed.rides(monkeypatch.setattr) as numbers:
        simulate(file, **cabin_killed.SMALL)
        assert numbers == [2, 3]
        simulate(tmp_path / "b.safetensors", **cabin_killed.SMALL)
    assert file.read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.safetensors", "b.safetensors"]
    tensors, contents = read_tensors(file)
    assert tensors["joints"][:, 0, 0].unique().tolist() == [0.0, 1.0, 2.0, 3.0]
    assert contents.edition > 1


def test_a_killed_staging_goes_on_where_it_was(tmp_path, monkeypatch):
    import cabin_killed

    file, sheet = tmp_path / "a.safetensors", tmp_path / "a.png"
    killed("stage", file)
    with cabin_killed.stages(monkeypatch.setattr) as numbers:
        scenes = staging.stage(file, rides=4, frames=2, sheet=sheet)
        assert numbers == [2, 3]
    assert [scene.person for scene in staged.read(file)] == [f"0_{n:03d}_driver" for n in range(4)]
    assert len(scenes) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "a.safetensors"]


def test_other_settings_do_not_take_over_finished_rides(tmp_path, monkeypatch):
    import cabin_killed

    class StoppedError(Exception):
        pass

    def stop(*_):
        raise StoppedError

    file = tmp_path / "a.safetensors"
    with monkeypatch.context() as patch, cabin_killed.stages(patch.setattr):
        patch.setattr(staging.staged, "read", stop)  # all are drawn, none is joined
        with pytest.raises(StoppedError):
            staging.stage(file, rides=2, frames=2)
    with cabin_killed.stages(monkeypatch.setattr) as numbers:
        staging.stage(file, rides=2, frames=2)
        assert numbers == []
        staging.stage(file, rides=2, frames=3)
        staging.stage(file, rides=2, frames=2, variety={"hats": 0.5})
        assert numbers == [0, 1, 0, 1]


def test_a_ride_that_shows_nobody_has_no_scenes(monkeypatch):
    rng = np.random.default_rng(0)
    camera = draw_camera("mirror", (64, 48), rng)
    aside = camera.center + np.array([2.0, 0.5, 0.0]) + rng.normal(0.0, 0.02, (33, 3))
    body = SimpleNamespace(dressed=aside, landmarks=aside)
    ride = SimpleNamespace(
        occupants={"driver": None},
        at=lambda time: SimpleNamespace(time=time, bodies={"driver": body}),
        mesh=lambda *_: (None, None),
        causes=lambda *_: {"driver": ["outside"] * 33},
    )
    drawer = SimpleNamespace(draw=lambda *_: np.zeros((48, 64, 3), np.uint8))
    monkeypatch.setattr(shooting, "Renderer", lambda *_, **__: nullcontext(drawer))
    sensor = SimpleNamespace(expose=lambda picture, *_: picture)
    pictures = []
    assert shooting.shoot(ride, camera, np.arange(3) / 15, sensor, rng, pictures) == {}
    assert len(pictures) == 3


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_variety_comes_on_top_of_what_there_was():
    pytest.importorskip("anny", reason="needs the extra 'cabin'")
    full = Variety(rear=1.0, glasses=1.0, hats=1.0, masks=1.0, loads=1.0)
    bare, rich = (
        strangers.draw_ride(0, 1.0, np.random.default_rng(5), variety=variety)[0]
        for variety in (Variety(), full)
    )
    assert set(bare.occupants) == {"driver", "passenger"}
    assert {"driver", "passenger"} < set(rich.occupants) <= {"driver", "passenger", *rear.PLACES}
    assert (bare.car, bare.light, bare.wheel) == (rich.car, rich.light, rich.wheel)
    before, after = bare.at(0.5), rich.at(0.5)
    for seat, body in before.bodies.items():
        np.testing.assert_array_equal(body.landmarks, after.bodies[seat].landmarks)
        assert not len(body.worn)
        assert len(after.bodies[seat].worn)  # at least glasses
        assert bare.occupants[seat].worn is None
    assert len(rich.loads) > len(bare.loads) == 0
    hips = {seat: person.seat.hip for seat, person in rich.occupants.items()}
    assert all((hip[1] > 0.8) == (seat in rear.PLACES) for seat, hip in hips.items())
