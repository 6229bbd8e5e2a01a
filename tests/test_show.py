"""What is shown of results: people in the car, latents, robustness."""

from itertools import count

import cv2
import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_module
from hydra.utils import instantiate
from recorded_people import CARRIES, HIDDEN, INFO, SKELETON, camera, recorded

from kpcomplete import sample
from kpcomplete.classifying import autoencoder
from kpcomplete.completer.interpolate import Interpolate
from kpcomplete.corruption.random_joints import RandomJoints
from kpcomplete.errors import MissingDependencyError, SettingError, SourceError
from kpcomplete.format._controls import without
from kpcomplete.frame import Frame
from kpcomplete.lifter.planar import Planar
from kpcomplete.occlusion import Occlusion
from kpcomplete.scene import colours
from kpcomplete.scene.parts import Scene
from kpcomplete.show import Show, _film, _mapping
from kpcomplete.show._film import Film
from kpcomplete.show._moments import Moment, encode
from kpcomplete.show._people import Cast
from kpcomplete.show.latents import Latents
from kpcomplete.show.player import Player
from kpcomplete.show.robustness import Robustness
from kpcomplete.window import Window


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return str(recorded(tmp_path_factory.mktemp("r") / "ride.parquet"))


@pytest.fixture(scope="module")
def player(result):
    return Player(path=result, truth="sample")


@pytest.fixture(scope="module")
def latents(result):
    return Latents(paths=[result], count=60, length=6, clusters=3)


@pytest.fixture(scope="module")
def robustness(result):
    levels = {10: RandomJoints(ratio=0.1), 80: RandomJoints(ratio=0.8)}
    return Robustness(
        path=result, occlusion=Occlusion(title="t", axis="hidden (%)", levels=levels),
        completer=Interpolate(kind="linear"), lifter=Planar(), limit=25,
        window=Window(past=20, hop=10, future=20),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["player", "latents", "robustness"])
def test_every_show_makes_every_moment_in_every_variant(name, request):
    show = request.getfixturevalue(name)
    assert isinstance(show, Show)
    for moment in (0, len(show) // 2, len(show) - 1):
        for variant in show.variants:
            scene = show.scene(moment, variant)
            assert isinstance(scene, Scene)
            assert scene.caption
            for mesh in scene.meshes.values():
                assert np.isfinite(mesh.vertices).all()
                assert len(mesh.colours) == len(mesh.vertices)
                assert not len(mesh.triangles) or mesh.triangles.max() < len(mesh.vertices)
    assert scene.progress == 1
    assert set(show.seats) <= set(show.layers)


@pytest.mark.parametrize("name", ["player", "latents", "robustness"])
def test_what_does_not_change_is_the_same_from_moment_to_moment(name, request):
    show = request.getfixturevalue(name)
    first, second = (show.scene(moment, show.variants[0]).meshes for moment in (0, 1))
    still = {"player": ("car", "ground", "camera"), "latents": ("points",),
             "robustness": ("car", "ground", "camera")}[name]  # fmt: skip
    for layer in still:
        assert first[layer] is second[layer]


def test_bodies_are_where_people_are_in_the_car(player, result):
    cast = Cast.of(result)
    scene = player.scene(3, "completed")
    for seat in ("driver", "passenger"):
        shoulders = cast.completed[seat][3, [11, 12]]
        distance = np.linalg.norm(scene.meshes[seat].vertices[:, None] - shoulders, axis=-1)
        assert distance.min(axis=0).max() < 0.04
        label = next(x for x in scene.labels if x.text == seat)
        assert 0.1 < label.place[2] - shoulders[:, 2].max() < 0.8


def test_raw_joints_are_on_their_rays_and_only_where_they_were_seen(result):
    cast = Cast.of(result)
    for seat, raw in cast.raw.items():
        assert np.isnan(raw[:, HIDDEN]).all()
        seen = cast.recording.raw[seat]
        pixels = cast.camera.project(cast.camera.to_camera(raw))
        np.testing.assert_allclose(
            pixels[seen.is_observed], seen.keypoints[seen.is_observed], atol=0.01
        )


def test_side_by_side_stand_what_was_seen_what_was_completed_and_the_truth(player):
    meshes = player.scene(5, "side by side").meshes
    x = [meshes[f"driver {what}"].vertices[:, 0].mean() for what in ("raw", "completed", "truth")]
    assert x[0] < x[1] - 1 < x[2] - 2
    faces = [len(meshes[f"driver {what}"].triangles) for what in ("raw", "completed", "truth")]
    assert faces[0] < faces[1] < faces[2]  # without legs, without feet, whole
    assert (meshes["driver completed"].colours[:, 3] < 1).any()
    assert not (meshes["driver raw"].colours[:, 3] < 1).any()


def test_without_a_truth_there_are_two_and_joints_that_were_not_seen_can_go(result, player):
    plain = Player(path=result, video="nowhere.mp4")
    assert "driver truth" not in plain.scene(0, "side by side").meshes
    assert not (player.scene(0, "seen only").meshes["driver"].colours[:, 3] < 1).any()
    assert "driver raw" in plain.scene(0, "together").meshes


def test_the_truth_of_seats_with_other_names_is_found_by_where_they_are(tmp_path):
    other = recorded(tmp_path / "a.parquet", length=5)
    cast = Cast.of(other, truth="sample")
    truth = sample.read_truth()
    for seat in cast.seats:
        found = cast.camera.to_camera(cast.truth[seat])
        np.testing.assert_allclose(found, truth[seat].joints3d[:5], atol=1e-4)


def test_a_result_without_3d_says_how_to_make_one(tmp_path):
    path = recorded(tmp_path / "flat.parquet", length=3, solid=False)
    with pytest.raises(SourceError, match=r"no 3D joints to look at.*lifter=temporal"):
        Player(path=str(path))


def test_the_truth_of_others_is_refused(result, monkeypatch):
    far = {"x": sample.Truth(keypoints=np.zeros((9, 33, 2)), visible=np.ones((9, 33), bool),
                             joints3d=np.tile([0.0, -1.0, 0.1], (9, 33, 1)))}  # fmt: skip
    monkeypatch.setattr(sample, "read_truth", lambda _: far)
    with pytest.raises(SettingError, match="3D truth of driver, passenger, but speaks of x"):
        Player(path=result, truth="sample")


class Shades:
    """Images of which each is brighter than the one before."""

    info = INFO

    def __init__(self, length=9):
        self.length, self.started = length, count()

    def __iter__(self):
        next(self.started)
        for i in range(self.length):
            image = np.full((48, 64, 3), 10 + 20 * i, np.uint8)
            yield Frame(index=i, time=i / 30, image=None if i == 2 else image)


def test_a_film_gives_any_frame_and_reads_once():
    source = Shades()
    film = Film(source)
    assert film.at(5)[0, 0, 0] == pytest.approx(110, abs=3)
    assert film.at(1)[0, 0, 0] == pytest.approx(30, abs=3)
    assert film.at(2) is None
    assert film.at(99) is None
    assert film.at(8)[0, 0, 0] == pytest.approx(170, abs=3)
    assert next(source.started) == 1
    assert Film.of("nowhere.mp4").at(0) is None


def test_a_long_film_keeps_fewer_images_and_shows_the_nearest(monkeypatch):
    monkeypatch.setattr(_film, "_KEPT", 4)
    film = Film(Shades())
    film.at(8)
    assert len(film._kept) <= 5
    assert film.at(5)[0, 0, 0] in (pytest.approx(90, abs=3), pytest.approx(110, abs=3))


def test_the_image_is_on_the_image_plane(tmp_path):
    video = tmp_path / "images"
    video.mkdir()
    for i in range(3):
        cv2.imwrite(str(video / f"{i}.png"), np.full((48, 64, 3), (200, 10, 90), np.uint8))
    path = recorded(tmp_path / "a.parquet", length=3, posed=True)
    scene = Player(path=str(path), video=str(video)).scene(1, "completed")
    np.testing.assert_allclose(scene.pictures["camera"].image[5, 5], (90, 10, 200), atol=6)  # RGB
    posed = camera(posed=True)
    upper_left = posed.project(posed.to_camera(scene.pictures["camera"].corners[0]))
    np.testing.assert_allclose(upper_left, (-0.5, -0.5), atol=1e-4)


def test_pointing_at_a_latent_goes_to_its_moment(latents):
    eye = np.array(latents.views["front"].eye)
    for moment in (0, 17, len(latents) - 1):
        towards = latents._points[moment] - eye
        found = latents.pick(eye, towards / np.linalg.norm(towards), 0, "seat")
        nearest = np.linalg.norm(latents._points[found] - latents._points[moment])
        assert found == moment or nearest < 0.2  # another one is before it
    assert latents.pick(eye, np.array([0.0, -1.0, 0.0]), 0, "seat") is None


def test_a_picked_latent_shows_its_person(latents):
    scene = latents.scene(40, "seat")
    one = latents._moments[40]
    assert scene.labels[0].text.startswith(one.seat)
    board = scene.pictures["camera"].corners
    share = (one.keypoints[0] + 0.5) / INFO.image_size
    nose = board[0] + share[0] * (board[1] - board[0]) + share[1] * (board[3] - board[0])
    away = np.linalg.norm(scene.meshes["pose"].vertices - nose, axis=1)
    assert away.min() < 0.05


def test_seats_and_times_colour_latents(latents):
    def paint(variant):
        painted = latents.scene(0, variant).meshes["points"].colours
        return painted.reshape(len(latents), -1, 4)[:, 0, :3]

    seats = [moment.seat for moment in latents._moments]
    assert len(np.unique(paint("seat"), axis=0)) == len(set(seats)) == 2
    assert len(np.unique(paint("cluster"), axis=0)) == 3
    times = np.array([moment.time for moment in latents._moments])
    assert np.corrcoef(times, paint("time")[:, 1])[0, 1] > 0.95


def test_scores_are_those_of_anomalies_where_normal_driving_is_given(result, monkeypatch):
    with initialize_config_module("kpcomplete.conf", version_base="1.3"):
        cfg = compose("view", ["show=latents"])
        parts = {"m": instantiate(cfg.show.parts.mahalanobis, _convert_="all")}
    show = Latents(paths=[result], normal=[result], parts=parts, count=20, length=6, clusters=2)
    assert "standard deviations" in show.scene(0, "score").caption
    assert "rank" not in show.scene(0, "score").caption


def test_the_latent_furthest_from_others_is_the_least_usual():
    import torch

    codes = torch.randn(40, 4, generator=torch.Generator().manual_seed(0))
    codes[7] += 30
    found = _mapping.oddness(codes, np.arange(40))
    assert found[7] == 1
    alone = _mapping.oddness(codes, np.zeros(40))  # nobody has others
    assert np.isfinite(alone).all()


def test_ways_to_place_latents_are_told(monkeypatch):
    import sys

    import torch

    codes = torch.randn(9, 4)
    with pytest.raises(SettingError, match="pca or umap, but got 'tsne'"):
        _mapping.place(codes, "tsne")
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(MissingDependencyError, match=r"kpcomplete\[umap\]"):
        _mapping.place(codes, "umap")
    assert _mapping.place(codes[:, :2], "pca").shape == (9, 3)


def test_latents_know_the_frame_rate_of_each_recording():
    rng = np.random.default_rng(0)
    points = torch.from_numpy(rng.normal(200, 60, (12, 33, 2)).astype(np.float32))
    points[8:, 11:17] = torch.nan  # for how long is told by times
    moments = [
        Moment(
            seat="a", place=0, frame=11, time=1.0, keypoints=points[-1].numpy(),
            state=np.zeros(33), image_size=(640, 480), window=points, fps=fps,
        )
        for fps in (30.0, 10.0)
    ]  # fmt: skip
    network = autoencoder("completer")
    both, slow = encode(network, moments), encode(network, moments[1:])
    torch.testing.assert_close(both[1:], slow)
    assert not torch.allclose(both[0], both[1])


def test_too_little_for_latents_is_told(result):
    with pytest.raises(SettingError, match="length >= 1 frames, but got 60 and 0"):
        Latents(paths=[result], count=60, length=0)
    with pytest.raises(SettingError, match="two moments at least"):
        Latents(paths=[result], length=400)


def test_errors_grow_with_what_is_hidden(robustness):
    names = [chapter.name for chapter in robustness.chapters]
    assert names == ["nothing hidden", "10", "80"]
    mean = [
        np.nanmean([robustness.error(level, "driver", frame) for frame in range(25)])
        for level in range(3)
    ]
    assert mean[0] == 0 < mean[1] < mean[2]
    assert len(robustness) == 75


def test_robustness_measures_from_the_truth_where_it_is_known(result):
    show = Robustness(
        path=result, truth="sample", limit=5, completer=Interpolate(kind="linear"), lifter=Planar(),
        occlusion=Occlusion(title="t", axis="a", levels={1: RandomJoints(ratio=0.1)}),
        window=Window(past=5, hop=5, future=5),
    )  # fmt: skip
    assert np.nanmean(show.error(0, "driver", 2)) > 0.001
    shoulders = SKELETON.indices(["left_shoulder", "right_shoulder"])
    off = show._should("driver", 2) - sample.read_truth()["driver"].joints3d[2]
    np.testing.assert_allclose(off[shoulders], 0, atol=1e-4)


def test_errors_in_the_image_are_those_of_completion(robustness):
    frame = 12
    cast, trial = robustness._cast, robustness._trials[2]
    gone = trial.state["driver"][frame] == 1
    off = robustness.error_in_image(2, "driver", frame)
    true = cast.camera.project(trial.points["driver"][frame])  # lifted joints stay on their rays
    there = cast.recording.completed["driver"].keypoints[frame]
    np.testing.assert_allclose(off[gone], np.linalg.norm(true - there, axis=1)[gone], atol=2)
    assert np.nanmax(off[~gone]) < 0.01 < off[gone].mean()
    assert " px off" in robustness.scene(2 * 25 + frame, "in the image").caption
    flat, solid = (
        robustness.scene(2 * 25 + frame, variant).meshes["driver"].colours
        for variant in ("in the image", "one level")
    )
    assert (flat != solid).any()


def test_severe_levels_are_redder(robustness):
    def redness(level):
        painted = robustness.scene(level * 25 + 12, "one level").meshes["driver"].colours
        return (painted[:, 0] - painted[:, 2]).mean()

    assert redness(0) < redness(2)


def test_names_tell_what_was_decided_and_halos_why(tmp_path):
    path = str(recorded(tmp_path / "a.parquet", length=4, decided=True))
    show = Player(path=path, truth="sample")
    scene = show.scene(2, "completed")
    assert "explanation" in show.layers
    assert [x.text for x in scene.labels] == [f"{s}: leaning forward" for s in show.seats]
    assert ("why this position", colours.CARRIES) in scene.legend
    cast = Cast.of(path)
    wrists = np.array([cast.completed[seat][2, CARRIES] for seat in show.seats])
    away = np.linalg.norm(scene.meshes["explanation"].vertices[:, None] - wrists, axis=-1)
    np.testing.assert_allclose(away.min(axis=1), 0.06, atol=0.001)  # around these, and no others
    assert scene.meshes["explanation"].colours[:, 3].max() < 1
    beside = show.scene(2, "side by side")
    assert [n for n in beside.meshes if n.startswith("explanation")] == ["explanation completed"]
    assert {x.text for x in beside.labels} > set(show.seats)
    bare = without(scene, {"driver", "explanation"})
    assert [x.text for x in bare.labels] == ["passenger: leaning forward"]
    assert "explanation" not in bare.meshes


def test_without_a_head_nothing_is_explained(player):
    assert "explanation" not in player.layers
    assert {x.text for x in player.scene(3, "completed").labels} == set(player.seats)
