"""Where joints tell of a face, no picture shows it."""

import cv2
import numpy as np
import pyarrow as pa
import pytest

from kpcomplete.archive import SCHEMA
from kpcomplete.class_table import CLASS_SCHEMA
from kpcomplete.errors import SettingError
from kpcomplete.frame import Frame, StreamInfo
from kpcomplete.pose import PoseSequence
from kpcomplete.privacy import COVER, Faces, anonymized, coarsen, cover, heads
from kpcomplete.recording import Recording
from kpcomplete.result import Person, Result
from kpcomplete.show._film import Film
from kpcomplete.sink.digest import Digest
from kpcomplete.sink.overlay import Overlay
from kpcomplete.skeleton import Skeleton

SIZE, FPS, LENGTH = (320, 240), 30.0, 60
FACE = (200, 60)  # where somebody's face is
SKELETON = Skeleton.load("blazepose33")
FACE_JOINTS = ("nose", "left_ear", "right_ear", "left_eye", "right_eye")


def poses(face=FACE, known=(*FACE_JOINTS, "left_shoulder", "right_shoulder"), length=LENGTH):
    """Return somebody upright, 20 px from ear to ear, of whom some joints are known."""
    x, y = face
    places = {"nose": (x, y + 4), "left_ear": (x + 10, y), "right_ear": (x - 10, y),
              "left_eye": (x + 4, y - 2), "right_eye": (x - 4, y - 2),
              "left_shoulder": (x + 25, y + 35), "right_shoulder": (x - 25, y + 35),
              "left_wrist": (x + 30, y + 90)}  # fmt: skip
    points = np.full((length, 33, 2), np.nan, dtype=np.float32)
    for name in known:
        points[:, SKELETON.index(name)] = places[name]
    return PoseSequence.observed(points, skeleton=SKELETON, fps=FPS, image_size=SIZE)


def person(**changes):
    return Person(observed=poses(**changes), completed=poses(**changes))


def hidden(made, frames):
    """Return a person of whom nothing is known in some frames."""
    gone = np.zeros((LENGTH, 33), bool)
    gone[frames] = True
    return Person(observed=made.observed.hide(gone), completed=made.completed.hide(gone))


def covers(circles, place=FACE, reach=14):
    """Whether the circles hold a face of 28 pixels, with all of its edge."""
    turn = np.linspace(0, 2 * np.pi, 16)
    edge = np.array(place) + reach * np.stack([np.cos(turn), 1.2 * np.sin(turn)], axis=-1)
    apart = np.linalg.norm(edge[:, None] - circles[None, :, :2], axis=-1)
    return bool((apart <= circles[:, 2]).any(axis=1).all())


@pytest.mark.parametrize(
    "known",
    [
        FACE_JOINTS, ("nose", "left_ear", "left_shoulder", "right_shoulder"), ("left_ear", "nose"),
        ("left_shoulder", "right_shoulder"), ("left_shoulder", "right_shoulder", "left_wrist"),
    ],
)  # fmt: skip
def test_a_circle_holds_the_head(known):
    found = heads(person(known=known, length=1))[0]
    assert found.shape == (2, 3)
    assert covers(found)
    assert found[:, 2].max() < 90  # and not the whole image


def test_somebody_without_head_and_shoulders_is_covered_whole():
    circles = heads(person(known=("left_wrist",), length=1))[0]
    assert covers(circles, place=(230, 150), reach=1)


def test_a_circle_grows_with_doubt():
    sure = person(length=1)
    covariance = np.full((1, 33, 2, 2), np.nan, dtype=np.float32)
    covariance[:, 0] = np.eye(2) * 100.0
    unsure = Person(
        observed=sure.observed,
        completed=PoseSequence(**(vars(sure.completed) | {"covariance": covariance})),
    )
    assert heads(unsure)[0, 0, 2] == pytest.approx(heads(sure)[0, 0, 2] + 20)
    assert heads(unsure)[0, 1, 2] == heads(sure)[0, 1, 2]


def test_what_is_only_seen_or_only_completed_counts():
    nobody = hidden(person(), slice(0, LENGTH)).completed
    for one in (Person(observed=poses(), completed=nobody),
                Person(observed=nobody, completed=poses())):  # fmt: skip
        found = heads(one)[0]
        assert np.isfinite(found).all(axis=-1).sum() == 1
        assert covers(found[np.isfinite(found).all(axis=-1)])
    assert np.isnan(heads(Person(observed=nobody, completed=nobody))).all()


def result(people, first=0, last=LENGTH, image=None):
    frames = tuple(Frame(index=i, time=i / FPS, image=image) for i in range(first, last))
    cut = {name: Person(observed=p.observed[first:last], completed=p.completed[first:last])
           for name, p in people.items()}  # fmt: skip
    return Result(frames=frames, people=cut)


@pytest.mark.parametrize("gone", [[30], range(20, 50), range(30, 60), range(0, 12)])
def test_a_face_that_is_missed_for_a_while_stays_covered(gone):
    faces = Faces()
    faces.learn(result({"driver": hidden(person(), list(gone))}))
    assert all(covers(faces.at(i / FPS)) for i in range(LENGTH))


def test_two_seconds_after_somebody_left_nothing_is_covered():
    faces = Faces()
    faces.learn(result({"driver": hidden(person(), range(10, 60))}))
    assert covers(faces.at(9 / FPS + 1.9))
    assert not len(faces.at(9 / FPS + 2.1))


def picture():
    """Return noise all over, so that a covered pixel is told from one that is not."""
    return np.random.default_rng(0).integers(0, 90, (SIZE[1], SIZE[0], 3), dtype=np.uint8)


def test_a_cover_has_one_colour_and_leaves_the_rest():
    image, circles = picture(), np.array([[200, 60, 20.0], [1e9, -1e9, 5], [0, 0, 1e-9]])
    before = image.copy()
    cover(image, circles)
    assert (image[60 - 18 : 60 + 18, 200] == COVER).all()
    assert np.array_equal(image[120:], before[120:])


def test_a_coarse_picture_holds_16_cells():
    image = picture()
    image[50:60, 100:110] = 255  # would be a face
    coarsen(image)
    assert np.ptp(image.astype(int), axis=(0, 1)).max() < 90
    small = cv2.resize(image, (16, 12), interpolation=cv2.INTER_AREA)
    again = cv2.resize(small, SIZE, interpolation=cv2.INTER_LINEAR)
    assert np.abs(again.astype(int) - image).mean() < 3  # all that there is


def test_one_image_of_any_size():
    image = cv2.resize(picture(), (160, 120))
    covered = anonymized(image, {"driver": person()}, 3, True)
    assert (covered[30 - 6 : 30 + 6, 100] == COVER).all()
    assert not (image == COVER).all(axis=-1).any()  # the image itself stays
    assert anonymized(image, {}, 0, False) is image
    assert not np.array_equal(anonymized(image, {}, 0, "all"), image)


def shown(path):
    """Return the frames of a video."""
    reader, frames = cv2.VideoCapture(str(path)), []
    while (read := reader.read())[0]:
        frames.append(read[1])
    return frames


@pytest.mark.parametrize("hop", [1, 7, 60])
def test_an_overlay_shows_no_face_whatever_its_results_are_cut_into(tmp_path, hop):
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    cv2.circle(image, FACE, 14, (0, 0, 255), -1)  # a face, red
    one = hidden(person(), [0, 1, 2, 30, 31])
    path = tmp_path / "a.mp4"
    with Overlay(path=path, anonymize=True) as sink:
        for first in range(0, LENGTH, hop):
            sink.write(result({"driver": one}, first, min(first + hop, LENGTH), image))
    frames = shown(path)
    assert len(frames) == LENGTH
    reddest = [(f[..., 2].astype(int) - f[..., :2].max(axis=-1))[:110].max() for f in frames]
    assert max(reddest) < 150  # drawn joints are orange


def test_without_it_the_face_is_seen(tmp_path):
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    cv2.circle(image, FACE, 14, (0, 0, 255), -1)
    with Overlay(path=tmp_path / "a.mp4") as sink:
        sink.write(result({"driver": person()}, image=image))
    frame = shown(tmp_path / "a.mp4")[0].astype(int)
    assert (frame[..., 2] - frame[..., :2].max(axis=-1)).max() > 150


def test_a_setting_that_is_none():
    with pytest.raises(SettingError, match="anonymize must be true, false or all, but got 'faces'"):
        Overlay(path="a.mp4", anonymize="faces")


class Pictured:
    info = StreamInfo(name="a", fps=FPS, image_size=SIZE)

    def __iter__(self):
        yield from ()


def test_pictures_of_summaries_show_no_face_unless_asked_to(tmp_path):
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    cv2.circle(image, FACE, 14, (0, 0, 255), -1)
    one = person()
    covariance = np.tile(np.eye(2, dtype=np.float32), (LENGTH, 33, 1, 1))
    unsure = PoseSequence(**(vars(one.completed) | {"covariance": covariance}))
    reds = []
    for level in (None, False):
        sink = Digest(path=tmp_path / "a.parquet", source=Pictured(),
                      **({} if level is None else {"anonymize": level}))  # fmt: skip
        with sink:
            sink.write(result({"d": Person(observed=one.observed, completed=unsure)}, image=image))
        data = pa.parquet.read_table(tmp_path / "a.parquet").to_pylist()[0]["worst"][0]["picture"]
        frame = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).astype(int)
        reds.append((frame[..., 2] - frame[..., :2].max(axis=-1)).max())
    assert reds[0] < 150 < reds[1]


def test_archives_hold_no_images():
    for schema in (SCHEMA, CLASS_SCHEMA):
        for field in schema:
            kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
            assert pa.types.is_primitive(kind) or (pa.types.is_string(kind) and field.name in
                                                   ("seat", "joint", "state", "task"))  # fmt: skip


class Filmed:
    info = StreamInfo(name="a", fps=FPS, image_size=SIZE)

    def __iter__(self):
        image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
        cv2.circle(image, FACE, 14, (0, 0, 255), -1)
        for i in range(LENGTH):
            yield Frame(index=i, time=i / FPS, image=image)


@pytest.mark.parametrize(("level", "seen"), [(True, False), ("all", False), (False, True)])
def test_images_in_viewers_show_no_face_when_asked_to(level, seen):
    one = hidden(person(), [20, 21])
    recording = Recording(
        name="a", fps=FPS, image_size=SIZE, skeleton=SKELETON, frames=np.arange(LENGTH),
        times=np.arange(LENGTH) / FPS, raw={"driver": one.observed},
        completed={"driver": one.completed},
    )  # fmt: skip
    film = Film(Filmed(), recording, level)
    for i in (20, 40, 3):
        image = film.at(i).astype(int)  # red, green, blue
        assert ((image[..., 0] - image[..., 1]).max() > 150) == seen
