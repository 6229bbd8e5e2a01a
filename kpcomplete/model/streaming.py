"""The shipped network live: what the past amounts to is kept, and each frame computed once."""

from collections.abc import Sequence

import numpy as np
import torch

from kpcomplete import normalize
from kpcomplete.batch import PoseBatch
from kpcomplete.model import Prediction
from kpcomplete.model.decide import Decided
from kpcomplete.model.engine import Engine, Work
from kpcomplete.model.fused import Fused
from kpcomplete.model.given import Given
from kpcomplete.model.kept import State
from kpcomplete.model.moment import Moment
from kpcomplete.model.temporal import ANCHORS, EVERY, Temporal
from kpcomplete.normalize import Placement
from kpcomplete.pose import Array
from kpcomplete.whereabouts import measures, placed

_REFIT = 8  # frames


class Stream:
    """Completes P people frame by frame, as `Temporal` does when causal.

    Equals the network on the window of all frames so far, as long as these are no more than
    ``window``. After that the network would start anew with every frame; the stream forgets
    observations and sums that are older, as the window does, and keeps the rest: latents of the
    last 80 frames know up to ``window`` frames before themselves.

    A person's placement is that of the last ``window`` frames, as `normalize.fit` has it, fitted
    again every 8 frames and whenever a joint turns up that it did not know. All that is kept is in
    pixels and follows when the placement changes, but for the latents, which stay as they were:
    medians over seconds move little in the 80 frames that are looked back to.

    Args:
        network: Trained, on the CPU or elsewhere; copied.
        window: Frames after which observations are forgotten.
        fused: The network for single frames, if it is run elsewhere.

    Attributes:
        code: ``[P, W]`` latents of the last frame, float32.
    """

    def __init__(self, network: Temporal, *, window: int = 150, fused: Fused | None = None) -> None:
        self.window = window
        self._engine = Engine(network, fused)
        self._given = Given(network.mixture) if len(network.share) else None
        self._anchors = np.array(network.skeleton.indices(ANCHORS))
        reach = self._engine.fused.reach
        self._length = np.array([2 * r + 1 for r in reach])
        self._first = np.cumsum([0, *self._length])[:-1]
        # of each convolution what is `reach` before a frame, and twice as far
        self._back = np.array([[r, 2 * r] for r in reach]).ravel()
        self._twice, self._start = np.repeat(self._length, 2), np.repeat(self._first, 2)
        rings = int(self._length.sum()), self.width
        self._state = State.new(0, window, len(network.skeleton), rings)
        self._times = np.zeros(window + 1)  # also of the frame that leaves it
        self._looked: Work | None = None
        self.code: Array = np.zeros((0, rings[1]), np.float32)
        self._now = 0

    @property
    def engine(self) -> Engine:
        """What runs the network."""
        return self._engine

    def join(self, engine: Engine) -> None:
        """Let the network run together with that of another stream, if it is the same."""
        if engine.same_as(self._engine):
            self._engine = engine

    def arrange(self, rows: Sequence[int | None]) -> None:
        """Make people of rows, from now on: of an earlier row, or None for someone new."""
        self._state = self._state.arrange(rows)

    def step(
        self, batch: PoseBatch, seconds: float, placement: Placement | None = None
    ) -> tuple[Prediction, Placement]:
        """Return where the joints of the next frame are, in body units of the placement.

        Args:
            batch: One frame of each person, in pixels, with the memory of them.
            seconds: Its time, later than that of the frame before.
            placement: Fixed by somebody else; by default the stream's own.
        """
        fixed = None
        if placement is not None:
            fixed = placement.centre.numpy(), placement.scale.numpy()
        self.look(*shown(batch), seconds, memory=remembered(batch), placement=fixed)
        return self.decide().prediction, Placement(
            centre=torch.from_numpy(self.centre).float(),
            scale=torch.from_numpy(self.scale).float(),
        )

    def look(
        self, points: Array, observed: Array, seconds: float, *,
        memory: tuple[Array, Array] | None = None, placement: tuple[Array, Array] | None = None,
    ) -> None:  # fmt: skip
        """Take the next frame; `decide` says where the joints are.

        Args:
            points: ``[P, J, 2]`` float32 pixels; of no meaning where not observed.
            observed: ``[P, J]``.
            seconds: Time of the frame, later than that of the one before.
            memory: Where people usually have joints ``[P, J, 2]`` float32, and where that is known.
            placement: Centre ``[P, 2]`` and scale ``[P]``; by default the stream's own.
        """
        state, now = self._state, self._now
        self._times[now % len(self._times)] = seconds
        state.observe(points, observed, now, self._times)
        if placement is None:
            self._place(points, observed)
        else:
            state.centre, state.scale = (x.astype(np.float64) for x in placement)
        self._imagine()
        usual = memory or (np.zeros_like(points), np.zeros_like(observed))
        moment = Moment.of(state, observed, *usual, self._anchors, seconds, now)
        before = self._start + (now - self._back) % self._twice
        self._looked = self._engine.add(moment, state.looked.take(before, axis=1))
        state.frames += 1
        self._now += 1

    def decide(self) -> Decided:
        """Return where the joints of the frame are that was taken last, in body units."""
        assert self._looked is not None  # a frame was taken
        work = self._engine(self._looked)
        assert work.decided is not None  # it is done
        assert work.code is not None
        at = self._first + (self._now - 1) % self._length
        self._state.looked[:, at] = work.seen  # what later frames look back to
        self.code = work.code
        return work.decided

    @property
    def centre(self) -> Array:
        """Where the people are ``[P, 2]``, see `Placement`."""
        return self._state.centre

    @property
    def scale(self) -> Array:
        """Pixels a body unit ``[P]``."""
        return self._state.scale

    @property
    def width(self) -> int:
        """Numbers of a latent."""
        return len(self._engine.fused.join_bias)

    def _place(self, points: Array, observed: Array) -> None:
        state, place = self._state, self._now % self.window
        state.measured[:, place] = measures(points, observed)
        seen = state.count > 0
        due = (seen > state.fitted).any(axis=1)
        due[[n % _REFIT == _REFIT // 2 for n in state.frames.tolist()]] = True
        if not due.any():
            return
        centre, scale = placed(state.measured if due.all() else state.measured[due])
        if np.isnan(centre).any():  # somebody without a neck in the whole window
            keypoints = torch.from_numpy(state.keypoints[due]).float()
            nothing = torch.zeros(keypoints.shape[:3])
            batch = PoseBatch(
                keypoints=keypoints, confidence=nothing, times=nothing[..., 0],
                observed=torch.from_numpy(state.observed[due]),
            )  # fmt: skip
            centre = normalize.fit(batch).centre.numpy()
        state.centre[due], state.scale[due] = centre, scale
        state.fitted[due] = seen[due]

    def _imagine(self) -> None:
        """Ask the mixture about the average pose, as often as the network does."""
        state = self._state
        for row in [row for row, n in enumerate(state.frames.tolist()) if n % EVERY == 0]:
            scale = state.scale[row]
            mean = np.array([self._engine.middle, self._engine.middle])  # sure, and in doubt
            root = np.zeros((3, len(mean[0])))
            root[0] = root[2] = 0.5 * self._engine.decide.spread[:, 0]
            if self._given is not None:
                which, seen = self._given.joints, state.count[row] > 0
                average = state.total[row] / np.maximum(state.count[row], 1)[:, None]
                average = (average - state.centre[row]) / scale
                found = self._given(average[which], seen[which])
                mean[0, which], covariance, mean[1, which] = found
                factor = np.linalg.cholesky(covariance + 1e-4 * np.eye(2))
                root[:, which] = factor[:, [0, 1, 1], [0, 0, 1]].T
            state.imagined[row] = mean * scale + state.centre[row]
            state.root[row] = root * scale


def shown(batch: PoseBatch) -> tuple[Array, Array]:
    """Return the points ``[P, J, 2]`` of one frame, and which are observed."""
    points, observed = batch.keypoints.numpy()[:, 0], batch.observed.numpy()[:, 0]
    return np.ascontiguousarray(points), np.ascontiguousarray(observed)


def remembered(batch: PoseBatch) -> tuple[Array, Array] | None:
    """Return where people usually have joints, and where that is known."""
    if batch.memory is None:
        return None
    mean, known = batch.memory.mean.numpy(), batch.memory.known.numpy()
    return np.ascontiguousarray(mean), np.ascontiguousarray(known)
