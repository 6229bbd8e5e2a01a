"""Bodies of joints and bones."""

from functools import cache

import numpy as np

from kpcomplete.draw import FAINT
from kpcomplete.pose import Array, Visibility
from kpcomplete.scene import colours
from kpcomplete.scene.parts import RGB, Mesh, merge
from kpcomplete.scene.primitives import balls, rods
from kpcomplete.skeleton import Skeleton

_THICK, _LIMB, _THIN = 0.030, 0.024, 0.007  # metres: trunk, arms and legs, face and hands
_TRUNK = ("shoulder", "hip", "neck", "spine", "thorax", "pelvis")
_LIMBS = ("elbow", "wrist", "knee", "ankle")
_EARS, _HEAD, _NECK = 0.6, (0.06, 0.1), 0.45  # radius of a head: of its ears' distance, in metres
_CERTAIN, _VAGUE = 0.02, 0.20  # metres of a standard deviation, from opaque to all but gone
_LEAST, _MOST, _UNKNOWN = 0.25, 0.9, 0.6  # opacity of what is completed


def opacity(std: Array | None, count: int) -> Array:
    """Return how solid completed joints ``[J]`` are: the less, the less certain they are.

    Args:
        std: ``[J]`` metres, NaN where unknown; or None.
        count: J.
    """
    if std is None:
        return np.full(count, _UNKNOWN)
    share = 1 - (std - _CERTAIN) / (_VAGUE - _CERTAIN)
    clear: Array = np.where(
        np.isnan(std), _UNKNOWN, np.clip(share, 0, 1) * (_MOST - _LEAST) + _LEAST
    )
    return clear


def body(
    points: Array,
    skeleton: Skeleton,
    *,
    state: Array | None = None,
    std: Array | None = None,
    colour: RGB | None = None,
    thickness: float = 1.0,
    least: float = 0.0,
) -> Mesh:
    """Return a person: seen joints in the colours of their sides, completed ones translucent.

    Args:
        points: ``[J, 3]`` metres, NaN where unknown.
        skeleton: Of the joints.
        state: ``[J]``, values of `Visibility`; None: all were seen.
        std: ``[J]`` metres, see `opacity`.
        colour: Of the whole body instead.
        thickness: Of joints and bones, 1 is usual.
        least: Opacity of a completed joint at least.
    """
    count = len(skeleton)
    state = np.full(count, Visibility.OBSERVED) if state is None else state
    completed = state == Visibility.COMPLETED
    paint = np.tile(np.asarray(colour, np.float64), (count, 1)) if colour else _sides(skeleton)
    if colour is None:
        mixed = 0.3 * paint + 0.7 * np.asarray(colours.COMPLETED)
        paint = np.where(completed[:, None], mixed, paint)
    solid = np.where(completed, np.maximum(opacity(std, count), least), 1.0)
    return painted(points, skeleton, np.column_stack([paint, solid]), thickness=thickness)


def painted(points: Array, skeleton: Skeleton, paint: Array, *, thickness: float = 1.0) -> Mesh:
    """Return a person of given colours.

    Args:
        points: ``[J, 3]`` metres, NaN where unknown; such joints, and bones to them, are left out.
        skeleton: Of the joints.
        paint: ``[J, 4]``.
        thickness: Of joints and bones; who is thinner than usual has no head.
    """
    head = _head(points, skeleton, paint) if thickness >= 1 else []
    known = np.isfinite(points).all(axis=-1)
    bones = skeleton.bone_indices[known[skeleton.bone_indices].all(axis=1)]
    radii = thickness * _radii(skeleton)
    ends = points[bones].astype(np.float64)
    thin = 0.72 * radii[bones].min(axis=1)
    # a bone is as clear as its vaguer end, so that it stops being solid with what it hangs on
    hues = paint[bones]
    hues[..., 3] = hues[..., 3].min(axis=1, keepdims=True)
    return merge(
        [
            balls(points[known].astype(np.float64), radii[known], paint[known]),
            rods(ends[:, 0], ends[:, 1], thin, hues),
            *head,
        ]
    )


def _head(points: Array, skeleton: Skeleton, paint: Array) -> list[Mesh]:
    """Return a ball between the ears and a neck below it, if their joints are known."""
    names = ("left_ear", "right_ear", "left_shoulder", "right_shoulder")
    if not set(names) <= set(skeleton.joints):
        return []
    of = skeleton.indices(names)
    ears, shoulders = points[of[:2]].astype(np.float64), points[of[2:]].astype(np.float64)
    if not np.isfinite(ears).all():
        return []
    hue = np.append(0.3 * paint[of[:2], :3].mean(axis=0) + 0.7 * np.asarray(colours.MIDDLE),
                    paint[of[:2], 3].min())  # fmt: skip
    radius = float(np.clip(_EARS * np.linalg.norm(ears[0] - ears[1]), *_HEAD))
    middle = ears.mean(axis=0)
    found = [balls(middle[None], radius, hue[None], rows=14)]
    if np.isfinite(shoulders).all():
        low = shoulders.mean(axis=0)
        hue[3] = min(hue[3], paint[of[2:], 3].min())
        found.append(rods(low[None], middle[None], _NECK * radius, hue[None]))
    return found


def flat(
    keypoints: Array, skeleton: Skeleton, paint: Array, corners: Array, image_size: tuple[int, int]
) -> Mesh:
    """Return joints of an image as a body without depth, as large as the image.

    Args:
        keypoints: ``[J, 2]`` pixels, NaN where unknown.
        skeleton: Of the joints.
        paint: ``[J, 4]``.
        corners: ``[4, 3]`` of the image in space, see `kpcomplete.scene.parts.Picture`.
        image_size: Width, height in pixels.
    """
    share = (keypoints + 0.5) / np.asarray(image_size)
    across, down = corners[1] - corners[0], corners[3] - corners[0]
    points: Array = corners[0] + share[:, :1] * across + share[:, 1:] * down
    return painted(points, skeleton, paint, thickness=0.6)


def halos(points: Array, shares: Array) -> Mesh:
    """Return a cloud around joints, the larger and denser the more they carry a decision.

    Args:
        points: ``[J, 3]`` metres, NaN where unknown.
        shares: ``[J]`` 0..1.
    """
    shown = np.isfinite(points).all(axis=-1) & (shares > FAINT)
    share = shares[shown].astype(np.float64)
    hues = np.tile(np.array([*colours.CARRIES, 0.0]), (len(share), 1))
    hues[:, 3] = 0.15 + 0.3 * share
    return balls(points[shown].astype(np.float64), 0.025 + 0.035 * share, hues)


@cache
def _sides(skeleton: Skeleton) -> Array:
    return np.array([colours.side(joint) for joint in skeleton.joints])


@cache
def _radii(skeleton: Skeleton) -> Array:
    """Return the radius of each joint, metres."""

    def radius(joint: str) -> float:
        words = joint.split("_")
        if any(word in words for word in _TRUNK):
            return _THICK
        if any(word in words for word in _LIMBS):
            return _LIMB
        return 2 * _THIN if joint == "nose" else _THIN

    return np.array([radius(joint) for joint in skeleton.joints])
