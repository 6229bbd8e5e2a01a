"""Simulated people in whom a model of the detector errs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from tqdm import tqdm

from kpcomplete.data.occupants import Errs, report
from kpcomplete.data.take import Take, takes
from kpcomplete.detected.clips import DetectedSet
from kpcomplete.detected.mending import Mending
from kpcomplete.errors import SourceError
from kpcomplete.pose import PoseSequence
from kpcomplete.skeleton import CANONICAL, Skeleton


@dataclass(frozen=True, kw_only=True)
class Played:
    """People of a file of ``kpcomplete simulate``, in whom a model of the detector errs.

    Args:
        file: Written by ``kpcomplete simulate``, with cameras.
        detector: Says where joints are reported.
        mending: What is done to them.
        every: Take every so many of the views of a person; they are many, and cost time.
        frames: Of a clip, at most.
        steps: Frames from one to the next, equally likely: 2 halves the frame rate.
        roll: Degrees, see `DetectedSet`.
        reverse: Likewise.
        seed: Of what is drawn.
    """

    file: str
    detector: Errs
    mending: Mending
    every: int = 1
    frames: int = 96
    steps: Sequence[int] = (1, 2)
    roll: float = 7.0
    reverse: float = 0.3
    seed: int = 0

    def material(self) -> "DetectedSet":
        """Return a clip for each view that is taken.

        Raises:
            SourceError: If the file was not written by ``kpcomplete simulate``, or has no cameras,
                or if every taken view has somebody behind its camera.
        """
        rng = np.random.default_rng(self.seed)
        self.detector.reseed(self.seed)
        some = islice(takes(self.file), 0, None, self.every)
        chosen = [self._stretch(take, rng) for take in some]
        chosen = [take for take in chosen if np.isfinite(take.keypoints).all()]
        if not chosen:
            raise SourceError(f"{self.file} should show whole people, but shows nobody at all")
        people = ((self._reported(t), t.camera.as_in_car(), t.points) for t in chosen)
        clips = tqdm(self.mending.clips(people), "simulated people", total=len(chosen))
        return DetectedSet.of(list(clips), roll=self.roll, reverse=self.reverse)

    def _stretch(self, take: Take, rng: np.random.Generator) -> Take:
        step = int(rng.choice(self.steps))
        span = min(len(take), self.frames * step)
        first = int(rng.integers(len(take) - span + 1))
        return take[first : first + span : step]

    def _reported(self, take: Take) -> PoseSequence:
        points, sure = report(take, self.detector)
        return PoseSequence.observed(
            points.astype(np.float32),
            sure.astype(np.float32),
            skeleton=Skeleton.load(CANONICAL),
            fps=take.fps,
            image_size=(take.camera.width, take.camera.height),
            person=take.person,
        )
