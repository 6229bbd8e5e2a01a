"""Simulated drives that the real detector looks at."""

from concurrent.futures import Executor, Future
from types import SimpleNamespace

import av
import numpy as np
import pytest

from kpcomplete import staged, staging
from kpcomplete.cabin import cameras, strangers
from kpcomplete.cabin.postures import POSTURES
from kpcomplete.errors import RenderError, SettingError
from kpcomplete.staging import stage


@pytest.mark.parametrize("changes", [{"rides": 0}, {"frames": 1}, {"rates": []}, {"rates": [0]}])
def test_there_must_be_something_to_draw(tmp_path, changes):
    with pytest.raises(SettingError, match="at least 1 ride, 2 frames and 1 frame a second"):
        stage(tmp_path / "a.safetensors", **changes)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [(640,), (640, 481), (8, 480)])
def test_pictures_of_a_size_that_cannot_be(tmp_path, size):
    with pytest.raises(SettingError, match="size must be an even width and height >= 16"):
        stage(tmp_path / "a.safetensors", size=size)
    assert not list(tmp_path.iterdir())


def test_shares_that_there_are_not_are_named(tmp_path):
    with pytest.raises(SettingError, match=r"variety has the shares .*but got \['beards'\]"):
        stage(tmp_path / "a.safetensors", variety={"beards": 0.5})
    with pytest.raises(SettingError, match="share of hats must be from 0 to 1, but got 2"):
        stage(tmp_path / "a.safetensors", variety={"hats": 2})
    with pytest.raises(SettingError, match="share of nights must be from 0 to 1, but got 7"):
        stage(tmp_path / "a.safetensors", nights=7)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", cameras.CAMERAS)
def test_cameras_see_a_face_in_the_front(kind):
    rng = np.random.default_rng(0)
    for _ in range(20):
        camera = cameras.draw_camera(kind, (640, 480), rng)
        # where drivers and passengers have their noses, metres
        noses = camera.view([[0.36, -0.05, 1.0], [-0.36, -0.05, 0.95]])
        pixels = camera.project(noses)
        inside = ((pixels > 0) & (pixels < [640, 480])).all(axis=1) & (noses[:, 2] > 0.2)
        assert inside.any()


def test_clothes_differ_and_colours_are_colours():
    rng = np.random.default_rng(0)
    outfits = [strangers.draw_outfit(rng) for _ in range(20)]
    assert len({outfit.shirt for outfit in outfits}) == 20
    colors = np.array([[o.skin, o.hair, o.shirt, o.stripe, o.trousers] for o in outfits])
    assert colors.min() >= 0
    assert colors.max() <= 1


def test_what_was_drawn_may_be_kept_as_a_film(tmp_path, monkeypatch):
    shades = [30, 120, 220]

    def shoot(ride, camera, times, sensor, rng, pictures):
        pictures += [np.full((48, 64, 3), (shade, 0, 0), np.uint8) for shade in shades]  # blue
        return {}

    monkeypatch.setattr(staging, "shoot", shoot)
    monkeypatch.setattr(staging.strangers, "draw_ride", lambda *_: (None, {}))
    stage(tmp_path / "a.safetensors", rides=2, frames=3, size=(64, 48), videos=tmp_path / "films")
    assert sorted(p.name for p in (tmp_path / "films").iterdir()) == ["0_000.mp4", "0_001.mp4"]
    with av.open(str(tmp_path / "films" / "0_001.mp4")) as film:
        found = [f.to_ndarray(format="rgb24") for f in film.decode(video=0)]
        assert float(film.streams.video[0].average_rate) == 15.0  # of the second ride
    np.testing.assert_allclose([f[..., 2].mean() for f in found], shades, atol=12)
    assert max(f[..., 0].mean() for f in found) < 12
    assert staged.read(tmp_path / "a.safetensors") == ()


def test_sheets_are_sorted_by_view_and_by_what_people_do():
    def ride(camera, *postures):
        return [
            SimpleNamespace(camera=camera, keypoints=np.zeros(3), posture=np.full(3, number))
            for number in postures
        ]

    phone, reclined = POSTURES.index("phone"), POSTURES.index("reclined")
    rides = [[], ride("roof", 0), ride("dash", reclined), ride("dash", 0, phone), ride("dash", 0)]
    order = sorted(range(5), key=lambda number: staging._kind(rides[number]))
    assert order == [4, 3, 2, 1, 0]  # who is in position comes first, a ride of nobody last


def test_there_is_somebody_who_draws(tmp_path):
    with pytest.raises(SettingError, match="at least 1 process, but got processes=0"):
        stage(tmp_path / "a.safetensors", processes=0)


def test_processes_that_draw_are_made_anew(tmp_path, monkeypatch):
    made, kept = [], []

    class Pool(Executor):
        def __init__(self, processes, mp_context):
            made.append(processes)

        def submit(self, function, *args):
            job = Future()
            job.set_result(function(*args))
            return job

    stage_ = SimpleNamespace(keep=lambda parts, number: kept.append(number))
    monkeypatch.setattr(staging, "ProcessPoolExecutor", Pool)
    missing = list(range(5, 5 + 3 * 2 * staging._FRESH - 1))
    assert sum(1 for _ in staging._work(stage_, tmp_path, missing, 2)) == len(missing)
    assert (made, kept) == ([2, 2, 2], missing)
    assert sum(1 for _ in staging._work(stage_, tmp_path, missing[:3], 1)) == 3
    assert made == [2, 2, 2]  # a few rides need no process


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_two_processes_draw_what_one_does(tmp_path):
    pytest.importorskip("anny", reason="needs the extra 'cabin'")
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    settings = {"rides": 2, "frames": 3, "rates": (15,), "seed": 3}
    try:
        stage(one, **settings)
    except RenderError as error:
        pytest.skip(str(error))
    stage(two, processes=2, **settings)
    for mine, theirs in zip(staged.read(one), staged.read(two), strict=True):
        assert (mine.person, mine.occupant) == (theirs.person, theirs.occupant)
        np.testing.assert_array_equal(mine.truth, theirs.truth)
        np.testing.assert_allclose(mine.keypoints, theirs.keypoints, atol=1e-3)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_ride_is_the_same_whatever_the_number_of_rides(tmp_path):
    pytest.importorskip("anny", reason="needs the extra 'cabin'")
    try:
        both = stage(tmp_path / "a.safetensors", rides=2, frames=3, nights=0.0, seed=5)
    except RenderError as error:
        pytest.skip(str(error))
    stage(tmp_path / "b.safetensors", rides=1, frames=3, nights=0.0, seed=5)
    alone = staged.read(tmp_path / "b.safetensors")
    assert [s.person for s in alone] == ["5_000_driver", "5_000_passenger"]
    for one, other in zip(both, alone, strict=False):
        np.testing.assert_array_equal(one.truth, other.truth)
        np.testing.assert_allclose(one.keypoints, other.keypoints, atol=1e-3)
    errors = np.concatenate([scene.errors() for scene in both])
    assert 0.02 < np.nanmedian(errors) < 0.3  # body units: they are found, more or less
    assert all((s.visible == (s.cause == 0)).all() for s in both)
