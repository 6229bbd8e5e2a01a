"""The shipped network live: what the past amounts to is kept, and each frame computed once."""

from collections.abc import Sequence

import numpy as np
import torch

from kpcomplete import normalize
from kpcomplete.batch import PoseBatch
from kpcomplete.model import Prediction
from kpcomplete.model.decide import Decide
from kpcomplete.model.fused import Fused
from kpcomplete.model.given import Given
from kpcomplete.model.kept import State
from kpcomplete.model.moment import Moment
from kpcomplete.model.temporal import ANCHORS, EVERY, STEPS, Temporal
from kpcomplete.model.timeline import APART, NEVER
from kpcomplete.normalize import Placement
from kpcomplete.pose import Array

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
        self._fused, self._decide = fused or Fused(network), Decide(network)
        self._given = Given(network.mixture) if len(network.share) else None
        self._middle: Array = network.centre.detach().double().cpu().numpy()
        self._anchors = network.skeleton.indices(ANCHORS)
        reach = self._fused.reach
        self._length = np.array([2 * r + 1 for r in reach])
        self._first = np.cumsum([0, *self._length])[:-1]
        self._back = np.array([[r, 2 * r] for r in reach])
        rings = int(self._length.sum()), len(self._fused.join_bias)
        self._state = State.new(0, window, len(network.skeleton), rings)
        self._times = np.zeros(window)
        self.code: Array = np.zeros((0, rings[1]), np.float32)
        self._now = 0

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
        state = self._state
        self._observe(batch, seconds)
        if placement is None:
            self._place()
        else:
            state.centre = placement.centre.double().numpy()
            state.scale = placement.scale.double().numpy()
        self._imagine()
        moment = self._moment(batch, seconds)
        heads = self._heads(moment.features(self._middle, self._decide.spread))
        state.frames += 1
        self._now += 1
        return self._decide(moment, heads), Placement(
            centre=torch.from_numpy(state.centre).float(),
            scale=torch.from_numpy(state.scale).float(),
        )

    @property
    def width(self) -> int:
        """Numbers of a latent."""
        return len(self._fused.join_bias)

    def _observe(self, batch: PoseBatch, seconds: float) -> None:
        state, place = self._state, self._now % self.window
        observed = batch.observed[:, 0].numpy()
        here = observed[..., None]
        keypoints = np.where(here, batch.keypoints[:, 0].double().numpy(), 0.0)
        state.count += observed
        state.count -= state.observed[:, place]
        state.total += keypoints - state.keypoints[:, place]
        state.keypoints[:, place], state.observed[:, place] = keypoints, observed
        self._times[place] = seconds
        earlier = (self._now - APART) % self.window
        told = here & state.observed[:, earlier][..., None] & (self.window > APART)
        passed = max(seconds - self._times[earlier], 1e-6)
        velocity = np.where(told, (keypoints - state.keypoints[:, earlier]) / passed, 0.0)
        np.copyto(state.velocity, velocity, where=here)
        np.copyto(state.before, keypoints, where=here)
        np.copyto(state.then, seconds, where=observed)

    def _place(self) -> None:
        state = self._state
        seen = state.count > 0
        due = (seen & ~state.fitted).any(axis=1) | (state.frames % _REFIT == _REFIT // 2)
        if not due.any():
            return
        keypoints = torch.from_numpy(state.keypoints[due]).float()
        observed = torch.from_numpy(state.observed[due])
        nothing = torch.zeros(keypoints.shape[:3])
        found = normalize.fit(
            PoseBatch(keypoints=keypoints, confidence=nothing, observed=observed,
                      times=nothing[..., 0])
        )  # fmt: skip
        state.centre[due], state.scale[due] = found.centre.numpy(), found.scale.numpy()
        state.fitted[due] = seen[due]

    def _imagine(self) -> None:
        """Ask the mixture about the average pose, as often as the network does."""
        state = self._state
        for row in np.flatnonzero(state.frames % EVERY == 0):
            mean, doubtful, scale = self._middle.copy(), self._middle.copy(), state.scale[row]
            root = (0.5 * self._decide.spread[:, 0])[:, None, None] * np.eye(2)
            if self._given is not None:
                which, seen = self._given.joints, state.count[row] > 0
                average = state.total[row] / np.maximum(state.count[row], 1)[:, None]
                average = (average - state.centre[row]) / scale
                found = self._given(average[which], seen[which])
                mean[which], covariance, doubtful[which] = found
                root[which] = np.linalg.cholesky(covariance + 1e-4 * np.eye(2))
            state.guess[row] = mean * scale + state.centre[row]
            state.doubtful[row] = doubtful * scale + state.centre[row]
            state.root[row] = root * scale

    def _moment(self, batch: PoseBatch, seconds: float) -> Moment:
        state = self._state
        scale, centre = state.scale[:, None, None], state.centre[:, None]
        seen = state.count > 0
        here = seen[..., None]
        average = state.total / np.maximum(state.count, 1)[..., None]
        before = (state.before - centre) / scale * here
        memory, remembered = np.zeros_like(before), np.zeros_like(seen)
        if batch.memory is not None:
            remembered = batch.memory.known.numpy()
            memory = (batch.memory.mean.double().numpy() - centre) / scale * remembered[..., None]
        both = (seen & remembered)[:, self._anchors, None]
        shift = ((before - memory)[:, self._anchors] * both).sum(axis=1, keepdims=True)
        return Moment(
            observed=state.observed[:, self._now % self.window],
            seen=seen,
            since=np.where(seen, np.minimum(seconds - state.then, NEVER), NEVER),
            before=before,
            average=(average - centre) / scale * here,
            velocity=state.velocity / scale * here,
            memory=memory,
            remembered=remembered,
            guess=(state.guess - centre) / scale,
            doubtful=(state.doubtful - centre) / scale,
            root=state.root / scale[..., None],
            shift=shift / np.maximum(both.sum(axis=1, keepdims=True), 1),
            steps=[step / scale for step in self._steps(here)],
        )

    def _steps(self, seen: Array) -> Sequence[Array]:
        """Return `Moment.steps` in pixels, and keep where joints are for later ones."""
        state, bases = self._state, self._state.bases
        base, length = np.where(seen, state.before, state.guess), bases.shape[1]
        fresh = state.frames == 0
        if fresh.any():
            bases[fresh] = base[fresh, None]
        bases[:, self._now % length] = base
        return [base - bases[:, (self._now - frames) % length] for frames in STEPS]

    def _heads(self, features: Array) -> Array:
        """Ask the network, and keep what later frames look back to."""
        ring = self._state.looked
        before = self._first[:, None] + (self._now - self._back) % self._length[:, None]
        heads, self.code, seen = self._fused(features, ring[:, before.ravel()])
        ring[:, self._first + self._now % self._length] = seen
        return heads
