"""Landmarks of MediaPipe Pose, as programs write them down in JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kpcomplete.errors import SourceError
from kpcomplete.importer._names import skeleton_of
from kpcomplete.importer._people import Found, sequences
from kpcomplete.importer._text import entry, forget, image_size_of, numbers, read_json
from kpcomplete.pose import Array, PoseSequence
from kpcomplete.skeleton import Skeleton

_KEYS = ("landmarks", "pose_landmarks", "poseLandmarks", "keypoints")
_NORMALISED = 4.0  # no person of pixels is that small


@dataclass(frozen=True, kw_only=True)
class MediaPipeJson:
    """A list of frames; a frame is nothing, a pose, a list of poses, or an object with these.

    A pose is 33 landmarks, each ``{x, y, z, visibility}`` or ``[x, y, z, visibility]`` of which z
    and visibility may be left out, or an object ``{name: {x, y}}``. The frames stand alone or
    under ``frames``, with ``fps`` and ``image_size`` beside them if known. Visibility, or
    ``score``, is the confidence. Poses of one frame are told apart by who is nearest.

    Args:
        fps: Frames per second; None for that of the file, or 30, which is logged.
        image_size: Width, height in pixels; None for that of the file. Landmarks in 0..1 of the
            image need it; of pixels, the smallest image that holds all joints is taken.
        normalised: Whether landmarks are shares of the image; None to tell by their size.
        key: Under which name the frames stand, where a file holds several lists.
        joints: ``{their name: our name}`` for names that are not known.
    """

    fps: float | None = None
    image_size: tuple[int, int] | None = None
    normalised: bool | None = None
    key: str | None = None
    joints: Mapping[str, str] = field(default_factory=dict)

    def sniff(self, path: Path, /) -> bool:
        """Whether the first pose in it is one."""
        try:
            frames, _ = self._frames(read_json(path), "")
            poses = [pose for frame in frames[:1000] for pose in _poses(frame)]
            pose = poses[0] if poses else []
            points = list(pose.values()) if isinstance(pose, dict) else pose
            named = isinstance(pose, dict) and bool(pose)
            return (named or len(pose) == 33) and all(map(_is_landmark, points))
        except (SourceError, TypeError):
            return False

    def __call__(self, path: str | Path, /) -> list[PoseSequence]:
        path = Path(path)
        where, document = repr(str(path)), read_json(path)
        forget()
        frames, about = self._frames(document, where)
        found, names = Found(where=str(path), seen=set(range(len(frames)))), None
        for number, frame in enumerate(frames):
            for pose in _poses(frame):
                place = f"{where}, frame {number}"
                if isinstance(pose, dict):
                    names = names or list(pose)
                    pose = [entry(pose, name, dict, place) for name in names]
                count = len(names) if names else 33
                points = _landmarks(pose, count, place)
                found.add(number, None, points[:, :2], points[:, 2])
        skeleton = Skeleton.load("blazepose33")
        if names:
            skeleton = skeleton_of(names, self.joints, where)
        size = image_size_of(self.image_size or about.get("image_size"), where)
        self._scale(found, size, where)
        fps = self.fps or (about.get("fps") if _positive(about.get("fps")) else None)
        return sequences(found, skeleton, fps=fps, image_size=size)

    def _frames(self, document: Any, where: str) -> tuple[list[Any], Mapping[str, Any]]:
        about = document if isinstance(document, dict) else {}
        if isinstance(document, dict):
            lists = [name for name, value in document.items() if isinstance(value, list)]
            key = self.key or ("frames" if "frames" in lists else None)
            named = [name for name in lists if name not in ("image_size", "connections")]
            if key is None and len(named) != 1:
                raise SourceError(
                    f"{where} must hold one list of frames, but holds {named}; choose by key="
                )
            document = entry(document, key or named[0], list, where)
        if not isinstance(document, list):
            raise SourceError(f"{where} must be a list, but is {type(document).__name__}")
        single = len(document) == 33 and all(_is_landmark(point) for point in document)
        return ([document] if single else document), about

    def _scale(self, found: Found, size: tuple[int, int] | None, where: str) -> None:
        """Turn shares of the image into pixels, in place."""
        largest = max((float(np.abs(p).max()) for p in found.keypoints), default=np.inf)
        normalised = largest < _NORMALISED if self.normalised is None else self.normalised
        if not normalised:
            return
        if size is None:
            raise SourceError(
                f"{where} holds landmarks in 0..1 of the image, so its image_size=[width, height] "
                "must be given"
            )
        found.keypoints[:] = [points * np.asarray(size) for points in found.keypoints]


def _positive(value: Any) -> bool:
    return isinstance(value, int | float) and 0 < value < 1e6


def _is_landmark(value: Any) -> bool:
    if isinstance(value, dict):
        return "x" in value and "y" in value
    return (
        isinstance(value, list) and 2 <= len(value) <= 5 and not isinstance(value[0], list | dict)
    )


def _poses(frame: Any) -> list[Any]:
    """Return the poses of a frame, each a list of landmarks or an object of named ones."""
    if isinstance(frame, dict):
        key = next((name for name in _KEYS if name in frame), None)
        if key is None:
            return [frame] if frame else []
        frame = frame[key]
    if not frame:
        return []
    if isinstance(frame, dict) or (isinstance(frame, list) and _is_landmark(frame[0])):
        return [frame]
    if isinstance(frame, list) and isinstance(frame[0], list | dict):
        return [pose for part in frame for pose in _poses(part)]
    raise SourceError(f"a frame must be a list of landmarks, but is {frame!r:.60}")


def _landmarks(pose: Any, count: int, where: str) -> Array:
    """Return ``[J, 3]``: x, y, confidence."""
    if not isinstance(pose, list) or len(pose) != count:
        found = len(pose) if isinstance(pose, list) else repr(pose)[:60]
        raise SourceError(f"{where}: a pose must have {count} landmarks, but has {found}")
    if all(isinstance(point, dict) for point in pose):
        values = [[p.get("x"), p.get("y"), p.get("visibility", p.get("score", 1))] for p in pose]
        return numbers(values, where, (count, 3))
    points = numbers(pose, where, (count, None))
    if points.shape[1] not in (2, 3, 4, 5):
        raise SourceError(f"{where}: a landmark must be x, y[, z[, visibility]]")
    confidence = points[:, 3] if points.shape[1] > 3 else np.ones(count)
    return np.column_stack([points[:, :2], confidence])
