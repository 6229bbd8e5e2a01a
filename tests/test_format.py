"""Shows in windows and files: what keys do, and what is written."""

import json
import struct
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from recorded_people import SKELETON

from kpcomplete import sample
from kpcomplete.errors import MissingDependencyError, OutputError, RenderError, SettingError
from kpcomplete.format import Format, Look, _probe, _stage, rrd
from kpcomplete.format._controls import Controls, ray
from kpcomplete.format._hidden import Hidden
from kpcomplete.format.glb import Glb
from kpcomplete.format.mp4 import Mp4
from kpcomplete.format.png import Png
from kpcomplete.format.rrd import Rrd
from kpcomplete.format.window import Window
from kpcomplete.scene import colours
from kpcomplete.scene.body import body, painted
from kpcomplete.scene.parts import Label, Picture, Scene
from kpcomplete.scene.primitives import balls
from kpcomplete.scene.surroundings import car, ground
from kpcomplete.scene.view import View
from kpcomplete.show import Chapter

GOLDEN = Path(__file__).parent / "golden"
SIZE = (320, 180)
TURN, SHIFT = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]), np.array([0, -1.2, 1])
PEOPLE = [true.joints3d[7] for true in sample.read_truth().values()]


class Three:
    """A show of three kinds of scenes that never change, ten moments each."""

    title = "three"
    fps = 10.0
    variants = ("plain", "other")
    layers = ("car", "ground", "camera", "names", "driver", "child")
    seats = ("driver", "child")
    chapters = tuple(Chapter(name=str(i), start=10 * i) for i in range(3))
    views: Mapping[str, View] = {
        "front": View(eye=(0.0, -2.2, 1.7), target=(0.0, 0.1, 0.7)),
        "side": View(eye=(2.6, -1.2, 1.4), target=(0.0, 0.1, 0.7), hides=frozenset({"camera"})),
    }

    def __init__(self):
        self._car, self._ground = car(), ground((0, 0), 0.0, reach=1.0)
        self.picked = None

    def __len__(self):
        return 30

    def scene(self, moment, variant):
        state, std = np.full(33, 2), np.full(33, 0.02)
        state[[14, 16, *range(23, 33)]], std[23:] = 1, 0.15
        placed = [p @ TURN + SHIFT for p in PEOPLE]
        meshes = {"car": self._car, "ground": self._ground}
        if moment < 10:
            meshes["driver"] = body(placed[0], SKELETON, state=state, std=std)
            meshes["child"] = body(placed[1], SKELETON, colour=colours.TRUTH)
        elif moment < 20:
            paint = np.column_stack([colours.heat(np.linspace(0, 1, 33)), np.ones(33)])
            meshes["driver"] = painted(placed[0], SKELETON, paint)
        else:
            points = np.random.default_rng(0).normal((0, 0, 0.8), 0.3, (300, 3))
            paint = np.column_stack([colours.kinds(np.arange(300) % 5), np.ones(300)])
            meshes = {"driver": balls(points, 0.03, paint, fine=False)}
        image = np.zeros((6, 8, 3), np.uint8)
        image[:3, :4], image[3:, 4:] = (230, 40, 40), (40, 60, 230)
        corners = np.array([(0.5, -0.7, 1.4), (0.9, -0.7, 1.4), (0.9, -0.7, 1.1), (0.5, -0.7, 1.1)])
        return Scene(
            meshes=meshes, pictures={"camera": Picture(corners=corners, image=image)},
            labels=[Label(text="driver", place=np.array([0.4, 0.0, 1.5]))],
            caption=f"moment {moment} {variant}", legend=[("left", colours.LEFT)],
            progress=moment / 29,
        )  # fmt: skip

    def pick(self, eye, direction, moment, variant):
        return self.picked


@pytest.fixture(scope="module")
def show():
    return Three()


@pytest.fixture
def controls(show):
    return Controls(show, Look())


@pytest.fixture(scope="module")
def drawing():
    try:
        return _probe.working()
    except RenderError as error:
        pytest.skip(f"this machine cannot draw: {error}")


# what keys and mouse do


def test_play_pause_and_speed(controls):
    controls.tick(5.0)
    assert controls.moment == 0
    controls.press("SPACE")
    controls.tick(0.25)
    controls.tick(0.25)
    assert controls.moment == 5  # ten a second
    controls.press("]")
    controls.tick(0.5)
    assert controls.moment == 15
    for _ in range(2):
        controls.press("[")
    controls.tick(0.4)
    assert controls.moment == 17
    controls.press("SPACE")
    controls.tick(9.0)
    assert controls.moment == 17
    assert "paused x0.5" in controls.scene().caption


def test_the_end_is_the_end_or_the_beginning(controls):
    controls.press("END")
    controls.press("RIGHT")
    assert controls.moment == 0
    controls.press("LEFT")
    assert controls.moment == 29
    controls.press("L")
    controls.press("RIGHT")
    assert controls.moment == 29
    controls.press("HOME")
    controls.press("SPACE")
    controls.tick(60.0)
    assert (controls.moment, controls.playing) == (29, False)
    controls.press("SPACE")
    assert (controls.moment, controls.playing) == (0, True)


def test_a_stretch_stays_within_itself(show):
    controls = Controls(show, Look(start=5, stop=8))
    for expected in (6, 7, 5):
        controls.press("RIGHT")
        assert controls.moment == expected


def test_chapters_keep_the_place(controls, show):
    controls.moment = 4
    controls.press("UP")
    assert controls.moment == 14
    controls.press("UP")
    controls.press("UP")
    assert controls.moment == 24
    controls.press("DOWN")
    assert controls.moment == 14
    plain = Three()
    plain.chapters = ()
    second = Controls(plain, Look())
    second.press("UP")
    assert second.moment == 10  # a second


def test_layers_and_seats_come_and_go(controls):
    for key, layer in (("K", "car"), ("G", "ground"), ("1", "driver"), ("2", "child")):
        assert layer in controls.scene().meshes
        controls.press(key)
        assert layer not in controls.scene().meshes
        controls.press(key)
        assert layer in controls.scene().meshes
    controls.press("I")
    assert not controls.scene().pictures
    controls.press("1")
    assert not controls.scene().labels  # with its seat
    controls.press("9")  # nobody


def test_a_key_takes_the_reasons_of_decisions_away(controls):
    controls.press("X")
    assert "explanation" in controls.hidden
    controls.press("X")
    assert "explanation" not in controls.hidden


def test_variants_views_and_wishes(controls, show):
    controls.press("V")
    assert "other" in controls.scene().caption
    controls.press("V")
    assert "plain" in controls.scene().caption
    controls.press("C")
    assert controls.view == show.views["side"]
    controls.scroll(3)
    assert controls.view != show.views["side"]
    controls.press("R")
    assert controls.view == show.views["side"]
    for key in "PMQ":
        controls.press(key)
    assert controls.wanted == ["picture", "mp4", "quit"]
    assert controls.help_lines
    controls.press("H")
    assert not controls.help_lines
    controls.press("Z")  # means nothing


def test_the_mouse_turns_moves_scrubs_and_picks(controls, show, monkeypatch):
    before = controls.view
    controls.hold("left", 100, 50, SIZE)
    controls.move(140, 60, SIZE)
    controls.release(140, 60, SIZE)
    assert controls.view.target == before.target
    assert controls.view.eye[0] < before.eye[0]  # pulled to the right, the eye goes to the left
    controls.hold("right", 100, 50, SIZE)
    controls.move(140, 60, SIZE)
    controls.release(140, 60, SIZE)
    assert controls.view.target != before.target
    controls.hold("left", 159.5, 175, SIZE)
    assert controls.moment in (14, 15)
    controls.move(400, 175, SIZE)
    assert controls.moment == 29
    controls.release(400, 175, SIZE)
    monkeypatch.setattr(show, "picked", 12)
    assert controls.moment == 29  # scrubbing is no pointing
    controls.hold("left", 100, 50, SIZE)
    controls.release(100, 50, SIZE)
    assert controls.moment == 12


def test_a_ray_goes_where_the_pixel_looks(show):
    view = show.views["side"]
    point = np.array([0.3, -0.2, 0.9])
    x, y = view.project(point, SIZE)
    away = point - view.eye
    np.testing.assert_allclose(ray(view, x, y, SIZE), away / np.linalg.norm(away), atol=1e-12)


@pytest.mark.parametrize(
    ("look", "text"),
    [
        (Look(variant="x"), "no variant 'x'; there are plain, other"),
        (Look(view="x"), "no view 'x'; there are front, side"),
        (Look(hidden=frozenset({"x"})), "no layer 'x'; there are car"),
        (Look(start=30), "moments of 0..30, but got 30"),
        (Look(start=3, stop=3), "but got 3 and 3"),
    ],
)
def test_what_a_show_does_not_have_is_told(show, look, text, tmp_path):
    with pytest.raises(SettingError, match=text):
        Controls(show, look)
    for format_ in (Png(), Mp4(), Glb()):
        with pytest.raises(SettingError, match=text):
            format_(show, look, tmp_path / "x")
    assert not list(tmp_path.iterdir())


# pictures


@pytest.mark.parametrize(
    ("name", "look"),
    [
        ("player", Look(view="front")),
        ("side", Look(view="side", hidden=frozenset({"car"}))),
        ("robustness", Look(start=10)),
        ("latents", Look(start=20, hidden=frozenset({"names"}))),
    ],
)
def test_pictures_are_as_they_were(name, look, show, drawing, tmp_path):
    (path,) = Png(width=SIZE[0], height=SIZE[1])(show, look, tmp_path / "a.png")
    drawn, golden = cv2.imread(str(path)), cv2.imread(str(GOLDEN / f"view_{name}.png"))
    off = np.abs(drawn.astype(int) - golden).max(axis=-1)
    assert off.mean() < 0.6, f"{off.mean():.2f} levels off on average"
    assert (off > 60).mean() < 0.003, f"{(off > 60).mean():.3f} of the pixels differ"


def test_what_is_behind_something_translucent_shines_through(drawing):
    near = balls(np.array([[0.0, -0.5, 0.0]]), 0.3, np.array([[1.0, 0, 0, 0.25]]), lit=False)
    far = balls(np.array([[0.0, 0.5, 0.0]]), 0.3, np.array([[0.0, 0, 1.0, 1.0]]), lit=False)
    view = View(eye=(0.0, -2.0, 0.0), target=(0.0, 0.0, 0.0))
    with Hidden((80, 80)) as stage:
        picture = stage.draw(Scene(meshes={"far": far, "near": near}), view)
        alone = stage.draw(Scene(meshes={"far": far}), view)
    np.testing.assert_allclose(picture[38, 40], (191, 0, 64), atol=6)  # blue, green, red
    np.testing.assert_allclose(alone[38, 40], (255, 0, 0), atol=6)


def test_a_video_has_a_picture_for_each_moment(show, drawing, tmp_path):
    look = Look(start=8, stop=12, variant="other")
    (path,) = Mp4(width=161, height=90, orbit=90.0, speed=0.5)(show, look, tmp_path / "a.mp4")
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(stream)]
        assert (stream.width, stream.height) == (160, 90)
        assert float(stream.average_rate) == pytest.approx(5.0)
    assert len(frames) == 4
    assert all(np.abs(a.astype(int) - b).mean() > 1 for a, b in pairwise(frames))


def test_nothing_half_written_is_left(show, drawing, tmp_path, monkeypatch):
    def broken(moment, variant):
        raise OutputError("in the middle")

    monkeypatch.setattr(show, "scene", broken)
    with pytest.raises(OutputError, match="in the middle"):
        Mp4(width=64, height=64)(show, Look(), tmp_path / "a.mp4")
    assert not list(tmp_path.iterdir())


# machines that cannot draw


@pytest.fixture
def fresh():
    _probe.working.cache_clear()
    yield
    _probe.working.cache_clear()


def test_a_driver_that_ends_the_process_is_told_from_outside(fresh, monkeypatch):
    monkeypatch.setattr(_probe, "_TRY", "import os; os.abort()")
    with pytest.raises(RenderError, match=r"by signal 6.*apt-get install -y libegl1.*format=glb"):
        _probe.working()


def test_a_display_that_does_not_work_is_done_without(fresh, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":98765")
    monkeypatch.setattr(_probe, "_TRY", "import os; assert 'DISPLAY' not in os.environ, 'x'\n"
                                        "print('drawn')")  # fmt: skip
    assert _probe.working() == _probe.Way(without=("DISPLAY",), screen=False)


def test_a_window_without_a_screen_says_what_to_do_instead(show, monkeypatch, tmp_path):
    for name in _probe.DISPLAYS:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(RenderError, match=r"no screen.*format=mp4.*xvfb-run"):
        Window()(show, Look(), tmp_path / "a")


def test_without_open3d_other_formats_are_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "open3d", None)
    with pytest.raises(MissingDependencyError, match=r"open3d.*format=glb and format=rrd"):
        _stage.open3d()


# files for other programs


def unpacked(path):
    data = path.read_bytes()
    magic, version, length = struct.unpack("<4sII", data[:12])
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size, kind = struct.unpack("<I4s", data[12:20])
    assert kind == b"JSON"
    table = json.loads(data[20 : 20 + size])
    start = 20 + size
    rest, kind = struct.unpack("<I4s", data[start : start + 8])
    assert kind == b"BIN\0"
    return table, data[start + 8 : start + 8 + rest]


def points_of(table, binary, name):
    node = next(n for n in table["nodes"] if n["name"] == name)
    (part,) = table["meshes"][node["mesh"]]["primitives"]
    accessor = table["accessors"][part["attributes"]["POSITION"]]
    view = table["bufferViews"][accessor["bufferView"]]
    start = view["byteOffset"]
    flat = np.frombuffer(binary[start : start + view["byteLength"]], np.float32)
    return flat.reshape(-1, 3)[: accessor["count"]], part, accessor


def test_gltf_has_the_scene_with_y_up(show, tmp_path):
    (path,) = Glb()(show, Look(hidden=frozenset({"ground"})), tmp_path / "a.glb")
    table, binary = unpacked(path)
    assert {n["name"] for n in table["nodes"]} == {"car", "driver", "child", "camera", "moment 0"}
    ours = show.scene(0, "plain").meshes["driver"]
    theirs, part, accessor = points_of(table, binary, "driver")
    np.testing.assert_allclose(theirs[:, 0], ours.vertices[:, 0], atol=1e-6)
    np.testing.assert_allclose(theirs[:, 1], ours.vertices[:, 2], atol=1e-6)
    np.testing.assert_allclose(theirs[:, 2], -ours.vertices[:, 1], atol=1e-6)
    np.testing.assert_allclose(accessor["max"], theirs.max(axis=0))
    assert table["materials"][part["material"]]["alphaMode"] == "BLEND"
    assert (
        table["materials"][points_of(table, binary, "car")[1]["material"]]["alphaMode"] == "OPAQUE"
    )
    image = table["bufferViews"][table["images"][0]["bufferView"]]
    jpeg = binary[image["byteOffset"] : image["byteOffset"] + image["byteLength"]]
    assert cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).shape == (6, 8, 3)


def test_gltf_plays_moments_one_after_the_other(show, tmp_path):
    (path,) = Glb(moments=3)(show, Look(), tmp_path / "a.glb")
    table, binary = unpacked(path)
    groups = [table["nodes"][i]["name"] for i in table["scenes"][0]["nodes"]]
    assert groups == ["moment 0", "moment 14", "moment 29"]
    cars = {n["mesh"] for n in table["nodes"] if n["name"] == "car"}
    assert len(cars) == 1  # stored once
    (animation,) = table["animations"]
    for i, channel in enumerate(animation["channels"]):
        assert channel["target"] == {"node": table["scenes"][0]["nodes"][i], "path": "scale"}
        sampler = animation["samplers"][channel["sampler"]]
        assert sampler["interpolation"] == "STEP"
        view = table["bufferViews"][table["accessors"][sampler["output"]]["bufferView"]]
        scale = np.frombuffer(binary, np.float32, 12, view["byteOffset"]).reshape(4, 3)[:, 0]
        np.testing.assert_array_equal(scale[:3], np.eye(3)[i])
    with pytest.raises(SettingError, match="moments must be 1 or more, but got 0"):
        Glb(moments=0)


def test_rerun_gets_what_changes_when_it_does(show, tmp_path):
    rerun = pytest.importorskip("rerun")
    (path,) = Rrd(every=5)(show, Look(), tmp_path / "a.rrd")
    assert path.read_bytes()[:3] == b"RRF"
    seen = rerun.dataframe.load_recording(str(path))
    names = {column.entity_path for column in seen.schema().component_columns()}
    assert {"/meshes/car", "/meshes/driver", "/images/camera", "/labels"} <= names

    def times(entity):
        view = seen.view(index="moment", contents=entity)
        return view.select(columns=["moment"]).read_all().num_rows

    assert times("/meshes/driver") == 6
    assert times("/meshes/car") == 2  # there, then gone


def test_without_rerun_its_extra_is_named(show, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'kpcomplete\[rerun\]'"):
        rrd.Rrd()(show, Look(), tmp_path / "a.rrd")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format_", [Png(), Mp4(), Glb(), Rrd(), Window()])
def test_every_format_is_one(format_):
    assert isinstance(format_, Format)
    assert format_.ending.startswith(".")
