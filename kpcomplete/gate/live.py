"""The learned gate frame by frame: what the past amounts to is kept, in numpy."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import expit

from kpcomplete.batch import PoseBatch
from kpcomplete.gate.around import Around
from kpcomplete.gate.doubt import SIGNS, Doubt
from kpcomplete.gate.signs import FAR, FAST, PARTS, SLOW, TRUSTED, USUAL, layout
from kpcomplete.pose import Array
from kpcomplete.rows import Rows
from kpcomplete.single import gelu, linear, squared
from kpcomplete.whereabouts import Whereabouts

_FADE = 1 / np.array([SLOW, FAST, USUAL])[:, None]


class Live:
    """Doubts people's joints as `Doubt` does, for the work of one frame.

    Equals the network on the window of all frames so far, as long as these are no more than
    ``window``. After that frames that left the window no longer count, as they would not there.
    Speeds and lengths of bones stay in the body units of their frame; these hardly change.

    Args:
        network: Trained; copied.
        window: Frames, the newest included.
    """

    def __init__(self, network: Doubt, *, window: int) -> None:
        self._window, self._now = window, -1
        self._around = Around(network.surroundings)
        self._head = _Head(network)
        who = layout()
        self._who = {name: getattr(who, name).numpy()
                     for name in ("key", "goes_with", "parent", "part", "mirror")}  # fmt: skip
        part, self._joints = self._who["part"], len(who.part)
        share = (part[:, None] == np.arange(len(PARTS))).astype(np.float64)
        self._share = share / share.sum(axis=0)
        self._same = part[:, None] == part[self._who["key"]]
        self._places = Whereabouts(window)
        last = np.zeros((self._joints, 2))
        self._rows = Rows(
            # of each frame: confidence, length of bones that are sure, whether they are, speed,
            # change of speed
            ring=np.zeros((window, 5 * self._joints)),
            times=np.full(window, -np.inf),
            points=last, step=last, observed=np.zeros(self._joints, bool), time=np.zeros(()),
            frames=np.zeros((), np.int64),
        )  # fmt: skip

    def __call__(
        self, batch: PoseBatch, image: Sequence[tuple[int, int]], people: Sequence[str],
        seconds: float, /,
    ) -> Array:  # fmt: skip
        """Return ``[P, J]`` probabilities that joints of the next frame are not there.

        Args:
            batch: ``[P, 1, J]`` pixels, all that was reported.
            image: Width and height of each person's image.
            people: Their names; who is not named is forgotten.
            seconds: The frame's time.
        """
        self._rows.follow(people)
        self._now = (self._now + 1) % self._window
        observed, confidence = batch.observed[:, 0].numpy(), batch.confidence[:, 0].numpy()
        pixels, trusted = batch.keypoints[:, 0].numpy(), observed & (confidence >= TRUSTED)
        found = self._places(pixels, trusted, people)
        centre, scale = found[0].astype(np.float64)[:, None], found[1].astype(np.float64)
        points = np.clip((pixels - centre) / scale[:, None, None], -3 * FAR, 3 * FAR)
        points *= observed[..., None]
        sure = np.clip(np.where(observed, confidence.astype(np.float64), 0.0), 1e-3, 1 - 1e-3)
        sure = np.log(sure / (1 - sure))
        out = np.empty((len(points), self._joints, SIGNS))
        self._over_time(out, points, pixels, observed, sure, trusted, centre, scale, seconds)
        self._beside(out, points, observed, sure, trusted)
        edges = np.array([(0, 0, *size) for size in image])[:, None]
        edges = (edges - np.tile(centre, 2)) / scale[:, None, None]
        inside = np.minimum(points - edges[..., :2], edges[..., 2:] - points).min(axis=-1)
        out[..., -3] = np.minimum(np.abs(points[..., 0]), FAR)
        out[..., -2] = np.clip(points[..., 1], -FAR, FAR)
        out[..., -1] = np.clip(inside, -1, 1)
        doubt: Array = self._head(out) * observed
        return doubt

    def _over_time(
        self, out: Array, points: Array, pixels: Array, observed: Array, sure: Array,
        trusted: Array, centre: Array, scale: Array, seconds: float,
    ) -> None:  # fmt: skip
        rows, parent, size = self._rows, self._who["parent"], self._joints
        line = points - points[:, parent]
        length = np.log(np.clip(np.sqrt(squared(line)), 1e-2, FAR))
        known = trusted & trusted[:, parent]
        unit = np.log(scale)[:, None]
        step, turn = self._movement(points, pixels, observed, centre, scale, seconds)
        ring = rows["ring"]
        ring[:, self._now] = np.concatenate(
            [sure, known * (length + unit), known, step, turn], axis=1
        )
        rows["times"][:, self._now] = seconds
        weight = np.exp((rows["times"] - seconds)[:, None] * _FADE)  # [P, 3, L]
        slow, fast, usual = (weight @ ring).swapaxes(0, 1)
        total = weight.sum(axis=2)[..., None]
        slow, fast = slow / total[:, 0], fast / total[:, 1]
        parts = sure @ self._share
        out[..., 0], out[..., 1], out[..., 2] = sure, slow[:, :size], fast[:, :size]
        out[..., 3] = sure - parts[:, self._who["part"]]
        out[..., 4] = sure[:, self._who["mirror"]]
        out[..., 5] = trusted.mean(axis=1, keepdims=True)
        out[..., 6:11] = parts[:, None]
        count = usual[:, 2 * size : 3 * size]
        mean = usual[:, size : 2 * size] / np.maximum(count, 1e-6)
        out[..., 11] = length
        out[..., 12] = np.clip(np.where(count > 0, length + unit - mean, 0.0), -2, 2)
        out[..., 13], out[..., 14] = np.log1p(count), sure[:, parent]
        out[..., 15], out[..., 16] = step, fast[:, 3 * size : 4 * size]
        out[..., 17] = slow[:, 3 * size : 4 * size]
        out[..., 18], out[..., 19] = fast[:, 4 * size :], slow[:, 4 * size :]

    def _movement(
        self, points: Array, pixels: Array, observed: Array, centre: Array, scale: Array,
        seconds: float,
    ) -> tuple[Array, Array]:  # fmt: skip
        """Return signs ``[P, J]`` of how fast joints move, and of how suddenly."""
        rows, first = self._rows, self._rows["frames"] == 0
        before = np.clip((rows["points"] - centre) / scale[:, None, None], -3 * FAR, 3 * FAR)
        pause = np.maximum(seconds - rows["time"], 1e-3)[:, None, None]
        both = (observed & rows["observed"])[..., None]
        step = np.where(both, (points - before) / pause, 0.0)
        turn = (step - rows["step"]) * ~first[:, None, None]
        rows["points"][:], rows["step"][:], rows["observed"][:] = pixels, step, observed
        rows["time"][:] = seconds
        rows["frames"][:] += 1
        size = np.sqrt(squared(np.stack([step, turn])))
        step, turn = np.log1p(np.minimum(size, 30))
        return step, turn

    def _beside(
        self, out: Array, points: Array, observed: Array, sure: Array, trusted: Array
    ) -> None:
        """Add the signs of the other joints of this frame."""
        key, goes = self._who["key"], self._who["goes_with"]
        gap, covariance = self._around(points[:, key], trusted[:, key])
        away = points[:, None] - (points[:, None, key] - gap)[:, :, goes]  # [P, W, J, 2]
        x, y = away[..., 0], away[..., 1]
        covariance = covariance[:, :, goes]
        a, b, c = covariance[..., 0, 0], covariance[..., 0, 1], covariance[..., 1, 1]
        volume = np.maximum(a * c - b * b, 1e-9)
        square = (c * x * x - 2 * b * x * y + a * y * y) / volume
        signs = np.stack([np.log1p(np.clip(square, 0, 1e4)), np.minimum(np.hypot(x, y), FAR),
                          np.clip(y, -FAR, FAR), np.log(volume) / 4], axis=2)  # fmt: skip
        out[..., 20:28] = signs.reshape(len(out), 8, -1).swapaxes(1, 2)
        apart = np.minimum(np.sqrt(squared(points[:, :, None] - points[:, None, key])), FAR)
        apart = np.where(self._same | ~observed[:, None, key], FAR, apart)
        which = apart.argmin(axis=-1)
        nearest = np.take_along_axis(apart, which[..., None], axis=-1)[..., 0]
        rival = np.take_along_axis(sure[:, key], which, axis=1) - sure
        twin = squared(points - points[:, self._who["mirror"]])
        out[..., 28], out[..., 29] = nearest, rival
        out[..., 30] = np.exp(-4 * nearest) * rival
        out[..., 31] = np.minimum(np.sqrt(twin), FAR)


class _Head:
    """The small network of `Doubt`; that it is told the joint becomes a bias."""

    def __init__(self, network: Doubt) -> None:
        self._middle, self._spread = (x.double().numpy() for x in (network.middle, network.spread))
        layers = [linear(layer) for layer in network.layers if isinstance(layer, torch.nn.Linear)]
        weight, bias = layers[0]
        told = network.kind.numpy() @ weight[SIGNS:]
        self._layers = [(weight[:SIGNS], bias + told), *layers[1:]]

    def __call__(self, signs: Array) -> Array:
        found = np.clip((signs - self._middle) / self._spread, -5, 5).astype(np.float32)
        for number, (weight, bias) in enumerate(self._layers):
            found = (gelu(found) if number else found) @ weight + bias
        doubt: Array = expit(found[..., 0])
        return doubt
