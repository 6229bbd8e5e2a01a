"""A recording completed and lifted again after joints were hidden, for each severity."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from kpcomplete.camera import Camera
from kpcomplete.completer import Completer
from kpcomplete.corruption import Corruption
from kpcomplete.corruption.chain import Chain
from kpcomplete.corruption.seeded import reseed_all
from kpcomplete.detector.stored import Stored
from kpcomplete.errors import SettingError
from kpcomplete.lens import Lens, fitted
from kpcomplete.lifter import Lifter
from kpcomplete.occlusion import Occlusion
from kpcomplete.pipeline import Pipeline
from kpcomplete.pose import Array
from kpcomplete.recording import Recording
from kpcomplete.source import Source
from kpcomplete.source.corrupted import Corrupted
from kpcomplete.source.poses import Poses
from kpcomplete.window import Window

UNTOUCHED = "nothing hidden"


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """One severity; each mapping is from seat to values of T frames.

    Attributes:
        level: Severity.
        points: ``[T, J, 3]`` metres in the camera's frame, NaN where unknown.
        std: ``[T, J]`` metres.
        pixels: ``[T, J, 2]`` places in the image, NaN where unknown.
        state: ``[T, J]``, values of `kpcomplete.pose.Visibility`.
    """

    level: str
    points: Mapping[str, Array]
    std: Mapping[str, Array]
    pixels: Mapping[str, Array]
    state: Mapping[str, Array]


def trials(
    recording: Recording,
    occlusion: Occlusion,
    *,
    completer: Completer,
    window: Window,
    lifter: Lifter,
    min_confidence: float,
    limit: int,
) -> list[Trial]:
    """Return the recording as it is, then at each level, by the pipeline that is used.

    Args:
        recording: With 3D joints.
        occlusion: What is hidden.
        completer: Brings it back.
        window: How much of past and future it sees.
        lifter: Finds the third dimension.
        min_confidence: Joints of which the detector was less sure count as missing.
        limit: Frames.

    Raises:
        SettingError: If nothing is left of anybody.
    """
    people = [p[:limit].hide(p[:limit].confidence < min_confidence) for p in recording.raw.values()]
    people = [pose for pose in people if pose.is_observed.any()]
    if not people or recording.camera is None:
        raise SettingError(
            f"nobody is in {recording.name} with a confidence of at least {min_confidence}"
        )
    poses = Poses.from_sequences(people, name=recording.name)
    pipeline = Pipeline(
        detector=Stored(), window=window, completer=completer, min_confidence=0.0, lifter=lifter,
        lens=_Recorded(recording=recording),
    )  # fmt: skip
    asked: dict[str, Corruption] = {UNTOUCHED: Chain(parts=[])}
    asked |= {str(level): one for level, one in occlusion.levels.items()}
    found = []
    for level, corruption in tqdm(asked.items(), unit="level", disable=None):
        reseed_all([corruption], 0)
        source = Corrupted(source=poses, corruption=corruption)
        found.append(_trial(level, pipeline, source, [p.person for p in people], len(people[0])))
    return found


@dataclass(frozen=True, kw_only=True)
class _Recorded(Lens):
    recording: Recording

    def camera(self, image_size: tuple[int, int]) -> Camera:
        return fitted(self.recording.eye(), image_size)


def _trial(level: str, pipeline: Pipeline, source: Source, seats: list[str], length: int) -> Trial:
    joints = 33
    points = {seat: np.full((length, joints, 3), np.nan, np.float32) for seat in seats}
    std = {seat: np.full((length, joints), np.nan, np.float32) for seat in seats}
    pixels = {seat: np.full((length, joints, 2), np.nan, np.float32) for seat in seats}
    state = {seat: np.zeros((length, joints), np.uint8) for seat in seats}
    start = 0
    for result in pipeline.run(source):
        frames = slice(start, start + len(result.frames))
        for seat in set(seats) & set(result.people):
            person = result.people[seat]
            state[seat][frames] = person.completed.visibility
            pixels[seat][frames] = person.completed.keypoints
            if person.joints3d is not None:
                points[seat][frames] = person.joints3d
            if person.std3d is not None:
                std[seat][frames] = person.std3d
        start = frames.stop
    return Trial(level=level, points=points, std=std, pixels=pixels, state=state)
