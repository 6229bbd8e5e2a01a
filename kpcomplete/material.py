"""Poses on which completers are tried, among them windows of data sets."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch

from kpcomplete import normalize
from kpcomplete.batch import PoseBatch
from kpcomplete.completer import Completer
from kpcomplete.corruption import Corruption
from kpcomplete.corruption.seeded import reseed_all
from kpcomplete.data import PoseSet
from kpcomplete.errors import SettingError
from kpcomplete.pose import Array
from kpcomplete.window import Window


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What a completer says of N windows.

    Attributes:
        keypoints: ``[N, T, J, 2]``, NaN where missing.
        covariance: ``[N, T, J, 2, 2]``, NaN or 0 where unknown.
    """

    keypoints: Array
    covariance: Array


class Spoilt(Protocol):
    """Material that has lost joints; all completers are given the same.

    Attributes:
        seen: ``[N, T, J, 2]`` what is left, NaN where missing.
    """

    @property
    def seen(self) -> Array: ...

    def complete(self, completer: Completer, window: Window) -> Answer:
        """Return the completion, made as in use."""
        ...


class Material(Protocol):
    """N stretches of T frames with J joints, of people with names.

    Attributes:
        name: For messages and tables.
        people: ``[N]`` who is seen.
        given: ``[N, T, J, 2]`` what was detected, NaN where nothing was.
        truth: ``[N, T, J, 2]`` where joints really are, NaN where unknown. Without a better
            source what was detected is taken for true.
        unit: ``[N]`` of the coordinates in a body unit.
    """

    @property
    def name(self) -> str: ...
    @property
    def people(self) -> tuple[str, ...]: ...
    @property
    def given(self) -> Array: ...
    @property
    def truth(self) -> Array: ...
    @property
    def unit(self) -> Array: ...

    def spoil(self, corruption: Corruption) -> Spoilt:
        """Return the material after a corruption; the same one gives the same."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Windows:
    """Windows of a data set, each completed by itself; no pipeline slides over them.

    Args:
        name: Of the data set.
        people: ``[N]`` who is seen.
        clean: Body units.
    """

    name: str
    people: tuple[str, ...]
    clean: PoseBatch

    @classmethod
    def of(
        cls, name: str, poses: PoseSet, *, length: int, count: int, people: Collection[str] = ()
    ) -> "Windows":
        """Spread windows evenly over what there is of each person in each view.

        Args:
            name: Of the data set.
            poses: Its clips.
            length: Frames of a window.
            count: Windows of each person in each view, at most.
            people: Who counts; nobody means everybody.

        Raises:
            SettingError: If somebody is not in the set, or no clip is long enough.
        """
        if people:
            poses = poses.split(people)[1]
        parts, owners = [], []
        for pair in dict.fromkeys(zip(poses.people, poses.views, strict=True)):
            mine = [
                i for i, p in enumerate(zip(poses.people, poses.views, strict=True)) if p == pair
            ]
            batch = poses.select(mine).windows(length, length)
            rows = torch.linspace(0, len(batch) - 1, min(count, len(batch))).round().long()
            parts.append(batch.select(rows))
            owners += [pair[0]] * len(rows)
        if not owners:
            raise SettingError(f"no clip of {name} shows somebody for {length} frames: set length")
        return cls(name=name, people=tuple(owners), clean=PoseBatch.concatenate(parts))

    @cached_property
    def given(self) -> Array:
        """``[N, T, J, 2]`` body units."""
        return _array(self.clean)

    @property
    def truth(self) -> Array:
        """The same: what was labelled is true."""
        return self.given

    @property
    def unit(self) -> Array:
        """Ones."""
        return np.ones(len(self.clean))

    def spoil(self, corruption: Corruption) -> "SpoiltWindows":
        """Return windows without some joints."""
        reseed_all([corruption], 0)
        return SpoiltWindows(batch=corruption(self.clean))


@dataclass(frozen=True, kw_only=True, eq=False)
class SpoiltWindows:
    """Windows that have lost joints.

    Args:
        batch: In the body units of the clean windows.
    """

    batch: PoseBatch

    @cached_property
    def seen(self) -> Array:
        """``[N, T, J, 2]`` body units."""
        return _array(self.batch)

    @torch.inference_mode()
    def complete(self, completer: Completer, window: Window) -> Answer:
        """Return the completion, each window placed by what is left of it."""
        del window  # each is one
        placement = normalize.fit(self.batch)
        done = placement.into_pixels(completer(placement.into_body(self.batch)))
        covariance = done.covariance
        if covariance is None:
            covariance = done.keypoints.new_zeros(*done.observed.shape, 2, 2)
        return Answer(keypoints=_array(done), covariance=covariance.numpy())


def fingerprint(*arrays: Array) -> str:
    """Return 12 hex digits that tell masks apart, so that later runs can be compared with these."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.packbits(array).tobytes())
    return digest.hexdigest()[:12]


def _array(batch: PoseBatch) -> Array:
    return torch.where(batch.observed[..., None], batch.keypoints, torch.nan).numpy()
