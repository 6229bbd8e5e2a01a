"""How well the detector finds people in real media with known answers."""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from kpcomplete import sample
from kpcomplete.detector.mediapipe import MediaPipe
from kpcomplete.detector.seats import Seats
from kpcomplete.detector.tracker import Array
from kpcomplete.errors import SourceError
from kpcomplete.frame import Detection, Frame
from kpcomplete.source.video import Video

logger = logging.getLogger(__name__)

# Noses of the four people in classroom.gif, read off its frames by eye: shares of width, height.
CLASSROOM = np.array([[0.16, 0.61], [0.285, 0.515], [0.495, 0.515], [0.66, 0.62]])
EMPTY_SECONDS = 5.0  # at the start of one-by-one-person-detection.mp4, empty as seen by eye
NOBODY, SOMEBODY = 0.002, 0.03  # shares of pixels that differ from the empty room; see `presence`


def run(*, media: str = "../shared/media", quick: bool = False, seed: int = 0) -> dict[str, float]:
    """Return the measures of the detector.

    Args:
        media: Folder of the public clips and their expected landmarks.
        quick: Only the first 40 s of the clip of the empty room.
        seed: Of the noise.

    Returns:
        ``google_full_mad``: mean absolute difference to Google's expected x, y of BlazePose full,
        normalised.
        ``squats_mean_pct``: mean distance to Google's expected landmarks, % of the image diagonal.
        ``classroom_seat_share``: share of frames in which all four people are found, each in the
        same seat throughout and there where the eye sees them.
        ``empty_share``, ``person_share``: shares of frames of an empty and of an occupied room
        that are reported so; see `presence`.
        ``dark_share``: of the two people in the bundled clip, at a seventh of its light and with
        noise of 5 grey levels, those who are found; ``dark_once_share`` without `denoised`.

    Raises:
        SourceError: If a clip is missing.
    """
    folder = Path(media)
    if not folder.is_dir():
        raise SourceError(f"media must be the folder of clips, but {media!r} is none")
    room = folder / "intel_sample_videos"
    empty, person = _room(room / "one-by-one-person-detection.mp4", 40.0 if quick else np.inf)
    return {
        "google_full_mad": _google_full(folder / "mediapipe_samples"),
        "squats_mean_pct": _squats(folder / "tfjs_pose"),
        "classroom_seat_share": _classroom(room / "classroom.gif"),
        "empty_share": empty,
        "person_share": person,
        "dark_share": _dark(MediaPipe(), seed),
        "dark_once_share": _dark(MediaPipe(denoise=False), seed),
    }


def _google_full(folder: Path) -> float:
    image = cv2.imread(str(folder / "test_image.jpg"))
    if image is None:
        raise SourceError(f"{folder / 'test_image.jpg'} must be an image, but cannot be read")
    content = json.loads((folder / "test_image_expected_landmarks.json").read_text())
    wanted = np.array(content["poseLandmarkerFullResults"]).reshape(33, 3)[:, :2]
    (found,) = MediaPipe().finder().look(image, 0.0)
    return float(np.abs(found.keypoints / image.shape[1::-1] - wanted).mean())


def _squats(folder: Path) -> float:
    wanted = np.array(json.loads((folder / "pose_squats.full.json").read_text()))[..., :2]
    video = Video(folder / "pose_squats.mp4")
    tracker = MediaPipe().tracker()
    apart = []
    for frame, true in zip(video, wanted, strict=True):
        found = tracker.look(_image(frame), frame.time)
        if not found:
            raise SourceError(f"{video.path}: nobody was found in frame {frame.index}")
        apart.append(np.linalg.norm(found[0].keypoints - true, axis=-1).mean())
    return float(np.mean(apart) / np.hypot(*video.info.image_size) * 100)


def _classroom(path: Path) -> float:
    """Return the share of frames in which the same four people sit in the same four seats."""
    video = Video(path)
    seats = Seats(trackers=MediaPipe())
    frames = [frame.people for frame in seats(video, video.info)]
    size = np.array(video.info.image_size)
    good = np.zeros(len(frames))
    taken = set()
    for place in CLASSROOM:
        near = [
            (float(np.linalg.norm(middle - place)), seat)
            for seat in seats.seats
            if np.isfinite(middle := _median_nose(frames, seat) / size).all()
        ]
        away, seat = min(near, default=(np.inf, ""))
        if away > 0.05 or seat in taken:
            logger.warning("classroom: nobody has a seat at %s", place)
            return 0.0
        taken.add(seat)
        good += [seat in people and _at(people[seat], place * size, size) for people in frames]
    return float((good == len(CLASSROOM)).mean())


def _median_nose(frames: Sequence[Mapping[str, Detection]], seat: str) -> Array:
    noses = [people[seat].keypoints[0] for people in frames if seat in people]
    middle: Array = np.nanmedian(noses, axis=0) if noses else np.full(2, np.nan)
    return middle


def _at(person: Detection, place: Array, size: Array) -> bool:
    """Return whether somebody's head is where it should be, within the reach of a nod."""
    head = person.keypoints[:11]
    if not np.isfinite(head).any():
        return False
    return bool(np.linalg.norm((np.nanmean(head, axis=0) - place) / size) < 0.06)


def _room(path: Path, seconds: float) -> tuple[float, float]:
    """Return the shares of empty and of occupied frames that are reported so."""
    video = Video(path)
    truth = presence(_until(video, seconds))
    found = np.array([bool(f.people) for f in _detected(video, seconds)])
    return float(1 - found[truth == 0].mean()), float(found[truth == 1].mean())


def presence(frames: Iterable[Frame]) -> Array:
    """Return what is true of a room that is empty at first, independently of any detector.

    The empty room is the median image of the first seconds. Every frame is brought to its
    brightness by the median ratio of each channel; then the share of pixels that differ by more
    than 30 grey levels, after a blur, tells.

    Returns:
        ``[T]``: 0 where below 0.2 % of the pixels differ: nobody, not even a shadow; 1 where more
        than 3 % do: somebody, though maybe only half of them; -1 in between: not counted.
    """
    start: list[Array] = []
    shares = []
    empty = None
    for frame in frames:
        image = _image(frame)
        if frame.time < EMPTY_SECONDS:
            start.append(image)
            continue
        if empty is None:
            empty = np.median(start, axis=0).astype(np.float32)
            shares = [_differing(one, empty) for one in start]
        shares.append(_differing(image, empty))
    share = np.array(shares)
    truth: Array = np.select([share < NOBODY, share > SOMEBODY], [0, 1], -1)
    return truth


def _differing(image: Array, empty: Array) -> float:
    ratio = np.median((image / np.maximum(empty, 8)).reshape(-1, 3), axis=0)
    apart = np.abs(image / ratio - empty).max(axis=-1).astype(np.float32)
    return float((cv2.GaussianBlur(apart, (9, 9), 0) > 30).mean())


def _dark(detector: MediaPipe, seed: int) -> float:
    """Return the share of people found in the bundled clip, frame by frame, in the dark."""
    rng = np.random.default_rng(seed)
    eyes, found = detector.finder(2), []
    for frame in islice(Video(sample.CLIP), 0, None, 15):
        picture = _image(frame) / 7 + rng.normal(0, 5, _image(frame).shape)
        found.append(len(eyes.look(picture.clip(0, 255).astype(np.uint8), 0.0)))
    return float(np.mean(found) / 2)


def _detected(video: Video, seconds: float) -> Iterator[Frame]:
    for frame in Seats(trackers=MediaPipe())(_until(video, seconds), video.info):
        yield replace(frame, image=None)


def _until(frames: Iterable[Frame], seconds: float) -> Iterator[Frame]:
    for frame in frames:
        if frame.time >= seconds:
            return
        yield frame


def _image(frame: Frame) -> Array:
    if frame.image is None:
        raise SourceError(f"frame {frame.index} must have an image, but it was dropped")
    return frame.image
