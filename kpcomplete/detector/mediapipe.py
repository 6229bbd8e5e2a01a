"""People found by MediaPipe's pose landmarker."""

import logging
import threading
import time as clock
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision

from kpcomplete.detector.denoised import Denoised
from kpcomplete.detector.people import People
from kpcomplete.detector.quiet import quiet
from kpcomplete.detector.task_file import task_bytes
from kpcomplete.detector.tracker import Array, SecondLook, Tracker
from kpcomplete.errors import ModelFileError, SettingError
from kpcomplete.frame import Detection, Frame, StreamInfo

logger = logging.getLogger(__name__)
_SHORT_SIDE, _LONG_SIDE = 256, 1024  # pixels; smaller pictures of people halve the accuracy
_STEP = 33  # ms between looks whose times do not tell


@dataclass(kw_only=True)
class MediaPipe:
    """Several people anywhere in the image, by BlazePose (arXiv 2006.10204).

    They are named ``person0``, ``person1``, ... in the order of their first appearance and keep
    their names as long as they do not vanish for more than a second. Where seats are known,
    `kpcomplete.detector.seats.Seats` is far more reliable: MediaPipe finds only people of
    similar size together.

    Args:
        model: Path of another ``.task`` file; None for BlazePose *full* of MediaPipe's wheel.
        num_people: Most people found at once.
        min_detection_confidence: Of the person detector, 0..1.
        min_presence_confidence: Of the landmark network that a person is there at all, 0..1. Lower
            than MediaPipe's 0.5, which loses people behind their hands; second looks make up.
        min_tracking_confidence: Below it the person detector is asked again, 0..1.
        min_visibility: A joint less visible than this is missing, 0..1.
        denoise: Look again, without noise and with more contrast, where nobody is found.

    Raises:
        SettingError: If a number is out of range.
        ModelFileError: If ``model`` is no pose landmarker.
    """

    model: str | None = None
    num_people: int = 2
    min_detection_confidence: float = 0.5
    min_presence_confidence: float = 0.3
    min_tracking_confidence: float = 0.3
    min_visibility: float = 0.5
    denoise: bool = True
    _task: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.num_people < 1:
            raise SettingError(f"num_people must be at least 1, but got {self.num_people}")
        for name in ("detection_confidence", "presence_confidence", "tracking_confidence"):
            _check_share(f"min_{name}", getattr(self, f"min_{name}"))
        _check_share("min_visibility", self.min_visibility)
        self._task = task_bytes(self.model)

    @property
    def seats(self) -> tuple[str, ...]:
        """Nobody is expected anywhere."""
        return ()

    def tracker(self, people: int = 1) -> Tracker:
        """Return what follows people from frame to frame."""
        return self._landmarker(people, vision.RunningMode.VIDEO)

    def finder(self, people: int = 1) -> Tracker:
        """Return what looks at every picture afresh."""
        return self._landmarker(people, vision.RunningMode.IMAGE)

    def _landmarker(self, people: int, mode: Any) -> Tracker:
        made = Landmarker(self._options(people, mode), self.model or "BlazePose full")
        if not self.denoise:
            return made
        return Denoised(made, follows=mode == vision.RunningMode.VIDEO)

    def __call__(self, frames: Iterable[Frame], info: StreamInfo, /) -> Iterator[Frame]:
        """Yield the frames with people added; frames without an image keep what they have."""
        people = People(
            tracker=self.tracker(self.num_people),
            second_look=SecondLook(self.finder(self.num_people)),
            min_visibility=self.min_visibility,
        )
        for frame in frames:
            if frame.image is None:
                yield frame
            else:
                yield replace(frame, people=people.look(frame.image, frame.time))

    def _options(self, people: int, mode: Any) -> Any:
        return vision.PoseLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=self._task),
            running_mode=mode,
            num_poses=people,
            min_pose_detection_confidence=self.min_detection_confidence,
            min_pose_presence_confidence=self.min_presence_confidence,
            min_tracking_confidence=self.min_tracking_confidence,
        )


class Landmarker:
    """One pose landmarker of MediaPipe; calls from several threads wait for each other.

    Args:
        options: ``PoseLandmarkerOptions`` in mode VIDEO or IMAGE.
        name: Of the model, for messages.
    """

    def __init__(self, options: Any, name: str) -> None:
        self._follows = options.running_mode == vision.RunningMode.VIDEO
        self._last = 0  # ms, as told to MediaPipe; must rise strictly
        self._offset: int | None = None
        self._lock = threading.Lock()
        with quiet():
            start = clock.perf_counter()
            try:
                _provoke_warnings_once(options)
                self._landmarker = vision.PoseLandmarker.create_from_options(options)
            except (RuntimeError, ValueError) as error:
                raise ModelFileError(
                    f"model {name!r} must be a pose landmarker that MediaPipe {mp.__version__} "
                    f"can load, but it says: {error}"
                ) from error
            self._infer(np.zeros((32, 32, 3), np.uint8), 0.0)  # the rest of the chatter
        logger.debug("pose landmarker made in %.2f s", clock.perf_counter() - start)

    def look(self, image: Array, time: float) -> list[Detection]:
        """Return everybody found.

        Args:
            image: ``[H, W, 3]`` uint8 BGR, any size of at least 1 pixel.
            time: Seconds; a time that has not risen since the last look counts as 33 ms later.
        """
        result = self._infer(image[..., ::-1], time)
        size = image.shape[1], image.shape[0]
        worlds = result.pose_world_landmarks or [None] * len(result.pose_landmarks)
        return [
            _detection(landmarks, world, size)
            for landmarks, world in zip(result.pose_landmarks, worlds, strict=True)
        ]

    def reset(self) -> None:
        """Forget who was followed, and start a new recording if need be."""
        if self._follows:  # a picture without people; making a new landmarker takes 20 times longer
            self._infer(np.zeros((32, 32, 3), np.uint8), 0.0)
        self._offset = None

    def _infer(self, image: Array, time: float) -> Any:
        image = np.ascontiguousarray(_enlarged(image))
        picture = mp.Image(image_format=mp.ImageFormat.SRGB, data=image)
        with self._lock:
            if not self._follows:
                return self._landmarker.detect(picture)
            now = round(time * 1000)
            if self._offset is None or now + self._offset <= self._last:
                self._offset = self._last + _STEP - now
            self._last = now + self._offset
            return self._landmarker.detect_for_video(picture, self._last)


def _enlarged(image: Array) -> Array:
    """Return a picture whose shorter side is large enough to be seen well, if that can be."""
    factor = min(_SHORT_SIDE / min(image.shape[:2]), _LONG_SIDE / max(image.shape[:2]))
    if factor <= 1:
        return image
    larger: Array = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
    return larger


_warned = False


def _provoke_warnings_once(options: Any) -> None:
    """Make MediaPipe say what it says once a process at the first person, while it is not heard."""
    global _warned
    if not _warned:
        eager = replace(
            options,
            running_mode=vision.RunningMode.IMAGE,
            min_pose_detection_confidence=0.0,
            min_pose_presence_confidence=0.0,
        )
        with vision.PoseLandmarker.create_from_options(eager) as landmarker:
            noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
            landmarker.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=noise))
        _warned = True


def _detection(landmarks: Any, world: Any, size: tuple[int, int]) -> Detection:
    """Return MediaPipe's landmarks as a person; fields that it leaves out count as 0."""
    joints = [(p.x or 0.0, p.y or 0.0, p.visibility or 0.0) for p in landmarks]
    values = np.array(joints, dtype=np.float32)
    metres = None
    if world is not None:
        metres = np.array([(p.x or 0.0, p.y or 0.0, p.z or 0.0) for p in world], dtype=np.float32)
    return Detection(
        keypoints=values[:, :2] * np.array(size, dtype=np.float32),
        confidence=np.clip(values[:, 2], 0, 1),
        world=metres,
    )


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise SettingError(f"{name} must lie in 0..1, but got {value}")
