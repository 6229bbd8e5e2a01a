"""Joint vocabularies, and the way from one to another by joint name."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from kpcomplete.errors import SkeletonError

CANONICAL = "blazepose33"
_DEEPEST = 8  # from a joint to those that it is derived from, and so on


@dataclass(frozen=True, kw_only=True)
class Skeleton:
    """Names, order and bones of the joints of one format.

    Attributes:
        name: Name of the format, e.g. ``"coco17"``.
        joints: Joint names in the order of the format; left and right are the person's.
        bones: Pairs of joint names that a drawing connects.
        derived: Joint name to the names it is the mean of, e.g. ``neck`` to both shoulders.
        same_as: Joint name to another format's name of the same point.

    Raises:
        SkeletonError: If a name stands twice, or a bone or a mirror partner is unknown.
    """

    name: str
    joints: tuple[str, ...]
    bones: tuple[tuple[str, str], ...] = ()
    derived: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    same_as: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(set(self.joints)) != len(self.joints):
            raise SkeletonError(f"skeleton {self.name!r} names a joint twice: {self.joints}")
        self.indices(joint for bone in self.bones for joint in bone)
        self.indices(self.same_as)

    @classmethod
    def load(cls, name: str) -> "Skeleton":
        """Return the skeleton of ``conf/skeleton/NAME.yaml``.

        Example:
            >>> Skeleton.load("coco17").joints[:2]
            ('nose', 'left_eye')
        """
        return _load(name)

    def __len__(self) -> int:
        return len(self.joints)

    def __hash__(self) -> int:
        return hash((self.name, self.joints))

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {joint: i for i, joint in enumerate(self.joints)}

    def index(self, joint: str) -> int:
        """Return the place of a joint."""
        return self.indices([joint])[0]

    def indices(self, joints: Iterable[str]) -> list[int]:
        """Return the places of joints.

        Raises:
            SkeletonError: If a name is unknown; names all that are.
        """
        joints = list(joints)
        unknown = sorted(set(joints) - set(self._positions))
        if unknown:
            raise SkeletonError(
                f"skeleton {self.name!r} has no joint {', '.join(map(repr, unknown))}; "
                f"it has {', '.join(self.joints)}"
            )
        return [self._positions[joint] for joint in joints]

    @cached_property
    def bone_indices(self) -> npt.NDArray[np.intp]:
        """Return the bones as joint numbers, ``[bones, 2]``."""
        flat = self.indices(joint for bone in self.bones for joint in bone)
        return np.asarray(flat, dtype=np.intp).reshape(-1, 2)

    @cached_property
    def mirror(self) -> npt.NDArray[np.intp]:
        """Return for each joint the number of its left/right partner, ``[J]``."""
        return np.asarray(self.indices(map(_other_side, self.joints)), dtype=np.intp)

    def as_dict(self) -> dict[str, Any]:
        """Return the skeleton by value, as it is stored in files."""
        return {
            "name": self.name,
            "joints": list(self.joints),
            "bones": [list(bone) for bone in self.bones],
            "derived": {joint: list(parts) for joint, parts in self.derived.items()},
            "same_as": dict(self.same_as),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Skeleton":
        """Return the skeleton that `as_dict` wrote."""
        try:
            return cls(
                name=str(values["name"]),
                joints=tuple(values["joints"]),
                bones=tuple((a, b) for a, b in values.get("bones", ())),
                derived={k: tuple(v) for k, v in (values.get("derived") or {}).items()},
                same_as=dict(values.get("same_as") or {}),
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, SkeletonError):
                raise
            raise SkeletonError(f"not a skeleton: {values!r} ({error})") from error


def _other_side(joint: str) -> str:
    swap = {"left": "right", "right": "left"}
    return "_".join(swap.get(part, part) for part in joint.split("_"))


@cache
def _load(name: str) -> Skeleton:
    folder = files("kpcomplete.conf") / "skeleton"
    file = folder / f"{name}.yaml"
    if not file.is_file():
        known = sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".yaml"))
        raise SkeletonError(f"no skeleton is called {name!r}; there are {', '.join(known)}")
    return Skeleton.from_dict(yaml.safe_load(file.read_text(encoding="utf-8")))


@cache
def _recipe(source: Skeleton, target: Skeleton) -> tuple[tuple[int, ...], ...]:
    """Return for each target joint the source joints whose mean it is; () where none are."""
    own = {source.same_as.get(joint, joint): (i,) for i, joint in enumerate(source.joints)}
    own |= {joint: (i,) for i, joint in enumerate(source.joints)}

    def resolve(joint: str, depth: int = 0) -> tuple[int, ...]:
        name = target.same_as.get(joint, joint)
        found = own.get(joint) or own.get(name)
        if found:
            return found
        if depth > _DEEPEST:
            raise SkeletonError(
                f"skeleton {target.name!r} has joints that are derived from others over more than "
                f"{_DEEPEST} steps"
            )
        parts = [resolve(part, depth + 1) for part in target.derived.get(joint, ())]
        return tuple(i for part in parts for i in part) if parts and all(parts) else ()

    return tuple(resolve(joint) for joint in target.joints)


def convert(values: npt.NDArray[Any], source: Skeleton, target: Skeleton) -> npt.NDArray[Any]:
    """Carry points over to another skeleton by joint name.

    Args:
        values: ``[..., J, C]`` coordinates, NaN where missing.
        source: The skeleton of ``values``.
        target: The skeleton wanted.

    Returns:
        ``[..., K, C]``; a joint that the source lacks is NaN, and so is a mean of joints one
        of which is missing.

    Raises:
        SkeletonError: If ``values`` does not have the source's number of joints.
    """
    if values.shape[-2] != len(source):
        raise SkeletonError(
            f"points of {source.name!r} must have {len(source)} joints, but got shape "
            f"{values.shape}"
        )
    return _gather(values, _recipe(source, target), np.nan)


def convert_confidence(
    confidence: npt.NDArray[Any], source: Skeleton, target: Skeleton
) -> npt.NDArray[Any]:
    """Carry ``[..., J]`` confidences over; a mean of joints has the lowest of theirs."""
    parts = _recipe(source, target)
    out = np.zeros((*confidence.shape[:-1], len(target)), dtype=confidence.dtype)
    for k, places in enumerate(parts):
        if places:
            out[..., k] = confidence[..., list(places)].min(axis=-1)
    return out


def _gather(
    values: npt.NDArray[Any], recipe: Sequence[tuple[int, ...]], missing: float
) -> npt.NDArray[Any]:
    shape = (*values.shape[:-2], len(recipe), values.shape[-1])
    out = np.full(shape, missing, dtype=values.dtype)
    for k, places in enumerate(recipe):
        if places:
            out[..., k, :] = values[..., list(places), :].mean(axis=-2)
    return out
