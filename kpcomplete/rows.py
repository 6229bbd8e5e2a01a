"""What is kept of people from frame to frame: arrays with a row for each of them."""

from collections.abc import Sequence

import numpy as np

from kpcomplete.pose import Array


class Rows:
    """Named arrays ``[P, ...]`` of the P people who were there in the frame before.

    Args:
        fresh: Name to what is kept ``[...]`` of somebody of whom nothing was seen yet.

    Example:
        >>> rows = Rows(seen=np.zeros(2))
        >>> rows.follow(["driver"])
        >>> rows["seen"][0] = 5
        >>> rows.follow(["child", "driver"])
        >>> rows["seen"].tolist()
        [[0.0, 0.0], [5.0, 5.0]]
    """

    def __init__(self, **fresh: Array) -> None:
        self._fresh = fresh
        self._people: list[str] = []
        self._arrays = {name: value[None][:0] for name, value in fresh.items()}

    def __getitem__(self, name: str) -> Array:
        """Return the array of that name, to be changed in place."""
        return self._arrays[name]

    def follow(self, people: Sequence[str]) -> None:
        """Give each of these people the row they had; who is not named is forgotten."""
        people = list(people)
        if people == self._people:
            return
        known = {person: row for row, person in enumerate(self._people)}
        old = [known.get(person, len(known)) for person in people]
        self._arrays = {
            name: np.concatenate([array, self._fresh[name][None]])[old]
            for name, array in self._arrays.items()
        }
        self._people = people
