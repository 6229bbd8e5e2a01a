"""Moving stick people with known joints, for tests and demonstrations."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kpcomplete.errors import SettingError
from kpcomplete.frame import Array, Detection, Frame, StreamInfo
from kpcomplete.skeleton import CANONICAL, Skeleton

# Head in shoulder widths from between the ears: x to the person's left, y down, z to the front.
_HEAD = {
    "nose": (0.0, 0.0, 0.25), "eye_inner": (0.05, -0.1, 0.19), "eye": (0.09, -0.1, 0.18),
    "eye_outer": (0.13, -0.1, 0.15), "ear": (0.2, 0.0, 0.0), "mouth": (0.07, 0.12, 0.2),
}  # fmt: skip
_NECK = 0.65  # from the shoulders up to between the ears
_HIPS = 1.25  # from the shoulders down to the hips
_LEGS = {"hip": (0.32, 0.0), "knee": (0.42, 0.5), "ankle": (0.4, 1.35), "heel": (0.4, 1.42),
         "foot_index": (0.46, 1.5)}  # fmt: skip
_ARM = 0.85, 0.72  # upper arm, lower arm
_HAND = {"pinky": (0.2, 0.06), "index": (0.22, -0.02), "thumb": (0.12, -0.08)}
_COLOURS = ((60, 160, 250), (90, 200, 90), (220, 140, 60), (180, 90, 200), (60, 60, 220))


@dataclass(frozen=True, kw_only=True)
class Synthetic:
    """People who sit side by side, sway, look about and move their hands.

    All motion is smooth, bones keep their lengths except where they turn to the camera, and
    everybody moves in another way. The same settings always give the same frames.

    Args:
        length: Number of frames.
        fps: Frames per second.
        seats: Names of the people, from left to right in the image.
        image_size: Width, height in pixels.
        images: Draw the people.
        noise: Standard deviation of what is detected about the truth, in pixels.
        seed: Same seed, same motion.

    Raises:
        SettingError: If a number is negative, or a seat stands twice.
    """

    length: int = 90
    fps: float = 30.0
    seats: Sequence[str] = ("driver",)
    image_size: tuple[int, int] = (640, 480)
    images: bool = False
    noise: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.length < 0 or self.fps <= 0 or self.noise < 0 or min(self.image_size) < 1:
            raise SettingError(
                "synthetic people need length >= 0, fps > 0, noise >= 0 and an image, but got "
                f"{self.length}, {self.fps}, {self.noise} and {self.image_size}"
            )
        if len(set(self.seats)) != len(self.seats):
            raise SettingError(f"seats must differ, but are {self.seats}")

    @property
    def info(self) -> StreamInfo:
        """What the settings say."""
        width, height = self.image_size
        return StreamInfo(
            name="synthetic", fps=self.fps, image_size=(width, height), length=self.length
        )

    @cached_property
    def truth(self) -> Mapping[str, Array]:
        """Seat to true joints ``[T, 33, 2]`` in pixels."""
        times = np.arange(self.length) / self.fps
        width, height = self.image_size
        out = {}
        for i, seat in enumerate(self.seats):
            draw = np.random.default_rng((self.seed, i))
            scale = min(height / 4.2, width / (2.6 * len(self.seats))) * draw.uniform(0.9, 1.05)
            hips = np.array([width * (i + 0.5) / len(self.seats), height * 0.62])
            out[seat] = (hips + scale * _person(times, draw)).astype(np.float32)
        return out

    def __iter__(self) -> Iterator[Frame]:
        draw = np.random.default_rng((self.seed, 1 << 20))
        confidence = np.ones(len(Skeleton.load(CANONICAL)), dtype=np.float32)
        for t in range(self.length):
            truth, people = {}, {}
            for seat, joints in self.truth.items():
                noise = draw.normal(0, self.noise, joints[t].shape).astype(np.float32)
                truth[seat] = Detection(keypoints=joints[t], confidence=confidence)
                people[seat] = Detection(keypoints=joints[t] + noise, confidence=confidence)
            image = self._draw(t) if self.images else None
            yield Frame(index=t, time=t / self.fps, image=image, people=people, truth=truth)

    def _draw(self, t: int) -> Array:
        import cv2

        width, height = self.image_size
        image: Array = np.full((height, width, 3), 40, dtype=np.uint8)
        skeleton = Skeleton.load(CANONICAL)
        for i, joints in enumerate(self.truth.values()):
            points, colour = joints[t].round().astype(int).tolist(), _COLOURS[i % len(_COLOURS)]
            sides = joints[t][skeleton.indices(["left_shoulder", "right_shoulder"])]
            thick = max(1, int(np.linalg.norm(sides[0] - sides[1]) / 6))
            for a, b in skeleton.bone_indices.tolist():
                wide = thick if min(a, b) > 10 else max(1, thick // 4)
                cv2.line(image, points[a], points[b], colour, wide, cv2.LINE_AA)
            cv2.circle(image, points[0], thick // 2, (200, 220, 240), -1, cv2.LINE_AA)
        return image


def _person(times: Array, draw: np.random.Generator) -> Array:
    """Return ``[T, 33, 2]`` in shoulder widths from between the hips, x right and y down."""
    lean = 0.12 * _wave(times, draw, 0.15)
    breath = 0.015 * np.sin(2 * np.pi * 0.25 * times + draw.uniform(0, 6))
    up = np.stack([np.sin(lean), -np.cos(lean)], axis=-1)  # [T, 2], from the hips
    across = np.stack([np.cos(lean), np.sin(lean)], axis=-1)  # to the person's left
    chest = up * (_HIPS + breath)[:, None]
    joints = {f"{side}_{name}": np.broadcast_to([sign * x, y], (len(times), 2))
              for side, sign in (("left", 1), ("right", -1))
              for name, (x, y) in _LEGS.items()}  # fmt: skip
    joints |= _head(chest + up * _NECK, across, up, times, draw)
    for side, sign in (("left", 1), ("right", -1)):
        shoulder = chest + across * sign * 0.5
        place = np.stack([0.35 * _wave(times, draw, 0.25), 0.25 * _wave(times, draw, 0.3)], -1)
        wheel = np.array([sign * 0.45, -0.3]) + place
        joints |= _arm(shoulder, wheel, side, sign)
    order = Skeleton.load(CANONICAL).joints
    return np.stack([joints[name] for name in order], axis=1)


def _head(
    centre: Array, across: Array, up: Array, times: Array, draw: np.random.Generator
) -> dict[str, Array]:
    """Return the head, which turns and nods, seen from the front."""
    yaw, nod = 0.6 * _wave(times, draw, 0.2), 0.2 * _wave(times, draw, 0.3)
    out = {}
    for name, (x, y, z) in _HEAD.items():
        for side, sign in (("left", 1), ("right", -1)) if x else (("", 0),):
            right = sign * x * np.cos(yaw) + z * np.sin(yaw)
            front = z * np.cos(yaw) - sign * x * np.sin(yaw)
            down = y * np.cos(nod) + front * np.sin(nod)
            joint = f"mouth_{side}" if name == "mouth" else f"{side}_{name}".strip("_")
            out[joint] = centre + across * right[:, None] - up * down[:, None]
    return out


def _arm(shoulder: Array, target: Array, side: str, sign: int) -> dict[str, Array]:
    """Return an arm that reaches for a place, with the elbow outwards."""
    upper, lower = _ARM
    reach = target - shoulder
    distance = np.linalg.norm(reach, axis=-1, keepdims=True)
    direction = reach / np.maximum(distance, 1e-6)
    distance = np.clip(distance, abs(upper - lower) + 0.05, upper + lower - 0.01)
    along = (upper**2 - lower**2 + distance**2) / (2 * distance)
    aside = np.sqrt(np.maximum(upper**2 - along**2, 0))
    outward = sign * np.stack([direction[:, 1], -direction[:, 0]], axis=-1)
    elbow = shoulder + along * direction + aside * outward
    wrist = shoulder + distance * direction
    forward = (wrist - elbow) / lower
    normal = sign * np.stack([forward[:, 1], -forward[:, 0]], axis=-1)
    out = {f"{side}_shoulder": shoulder, f"{side}_elbow": elbow, f"{side}_wrist": wrist}
    return out | {f"{side}_{n}": wrist + a * forward + b * normal for n, (a, b) in _HAND.items()}


def _wave(times: Array, draw: np.random.Generator, frequency: float) -> Array:
    """Return a smooth motion ``[T]`` within -1..1, of three sines about a frequency in Hz."""
    rates = 2 * np.pi * frequency * np.array([0.6, 1.0, 1.7]) * draw.uniform(0.8, 1.2, 3)
    phases, parts = draw.uniform(0, 2 * np.pi, 3), np.array([0.5, 0.35, 0.15])
    wave: Array = (parts * np.sin(times[:, None] * rates + phases)).sum(axis=1)
    return wave
