"""What is kept of people from frame to frame: arrays with a row for each of them."""

from collections.abc import Mapping, Sequence

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


class Visits:
    """Tells the people apart who sit on a seat one after the other.

    Args:
        patience: Frames without anybody after which the seat's next person is somebody else.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._absent: dict[str, int] = {}  # frames since each seat's person was seen
        self._count: dict[str, int] = {}  # people who were seen on each seat

    def __call__(self, there: Mapping[str, bool]) -> dict[str, str]:
        """Return seat to a name of who sits there, or did of late; without the empty ones.

        Args:
            there: Seat to whether somebody is seen there in the next frame.
        """
        absent = {seat: self._absent.get(seat, self._patience) for seat in there}
        for seat, frames in absent.items():
            if there[seat] and frames >= self._patience:
                self._count[seat] = self._count.get(seat, 0) + 1
        self._absent = {seat: 0 if there[seat] else n + 1 for seat, n in absent.items()}
        return {
            seat: f"{seat} {self._count[seat]}"
            for seat, frames in self._absent.items()
            if frames < self._patience
        }
