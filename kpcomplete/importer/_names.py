"""Joint names of other tools to ours."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

from kpcomplete.errors import SkeletonError
from kpcomplete.skeleton import Skeleton

_ALSO = {"hip": "mid_hip", "pelvis": "mid_hip", "head": "head_top", "thorax": "neck",
         "left_foot": "left_foot_index", "right_foot": "right_foot_index",
         "left_mouth": "mouth_left", "right_mouth": "mouth_right"}  # fmt: skip


@cache
def _known() -> dict[str, Skeleton]:
    folder = files("kpcomplete.conf") / "skeleton"
    names = sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".yaml"))
    skeletons = [Skeleton.load("blazepose33"), *map(Skeleton.load, names)]
    return {joint: s for s in reversed(skeletons) for joint in s.joints}


def plain(name: str) -> str:
    """Return a name as ours are written.

    Example:
        >>> plain("leftShoulder"), plain("Left Eye-Inner"), plain("RWrist")
        ('left_shoulder', 'left_eye_inner', 'right_wrist')
    """
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    name = re.sub(r"^([LR])(?=[A-Z][a-z])", r"\1_", name)
    name = re.sub(r"[\s\-.]+", "_", name).strip("_").lower()
    name = re.sub(r"^l_|_l$", "left_", name) if re.search(r"^l_|_l$", name) else name
    name = re.sub(r"^r_|_r$", "right_", name) if re.search(r"^r_|_r$", name) else name
    for side in ("left", "right"):
        if name.endswith(f"{side}_") or name.endswith(f"_{side}"):
            name = f"{side}_" + name.removesuffix("_").removesuffix(side).strip("_")
    name = re.sub(r"^(left|right)(?=[a-z])", r"\1_", name)
    return {"left_mouth": "mouth_left", "right_mouth": "mouth_right"}.get(name, name)


def skeleton_of(names: Iterable[str], joints: Mapping[str, str], where: str) -> Skeleton:
    """Return the skeleton that a file's own list of names makes.

    Args:
        names: In the order of the file.
        joints: The user's ``{their name: our name}``.
        where: The file, for messages.

    Raises:
        SkeletonError: If a name is unknown, or two mean the same joint; lists the accepted ones.
    """
    names, known = list(names), _known()
    if strange := sorted(set(joints.values()) - set(known)):
        raise SkeletonError(f"joints= maps to {_list(strange)}; accepted are {_list(known)}")
    ours = [joints.get(name) or _ours(name) for name in names]
    unknown = [name for name, own in zip(names, ours, strict=True) if own not in known]
    if unknown:
        raise SkeletonError(
            f"{where} names joints that are not known: {_list(unknown)}; map them with "
            f"joints={{theirs: ours}}; accepted are {_list(known)}"
        )
    if len(set(ours)) != len(ours):
        twice = sorted({own for own in ours if ours.count(own) > 1})
        raise SkeletonError(f"{where} names a joint twice: {_list(twice)}, from {_list(names)}")
    same = {own: known[own].same_as[own] for own in ours if own in known[own].same_as}
    return Skeleton(name="file", joints=tuple(ours), same_as=same)


def _ours(name: str) -> str:
    own = plain(name)
    return own if own in _known() else _ALSO.get(own, own)


def _list(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
