"""Who sits where an airbag would hurt: too near to the dash, or not as one should."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kpcomplete.camera import Camera
from kpcomplete.errors import SettingError
from kpcomplete.head import UNKNOWN
from kpcomplete.result import Person, Result
from kpcomplete.skeleton import CANONICAL, Skeleton

FRAMES = ("camera", "car")


@dataclass(kw_only=True)
class Position:
    """Warns of people who sit out of position.

    With a plane for the dash, somebody is warned of whose nose is nearer to it than ``near``.
    Without, what is decided of ``task`` counts, or else its likeliest class, if there is such a
    head; else nothing is said.

    Args:
        dash: ``point`` and ``normal`` (towards the people) of a plane, three numbers each, metres.
            It needs a camera that was calibrated, as what is only assumed tells no centimetres.
        frame: Whose frame they are in: ``camera``, or ``car`` if the calibration says where the
            camera is.
        near: Metres.
        task: Of the head.
        good: Classes of it that are no reason to warn.

    Raises:
        SettingError: If the plane is none, or ``near`` is not positive.
    """

    dash: Mapping[str, Sequence[float]] | None = None
    frame: str = "camera"
    near: float = 0.2
    task: str = "position"
    good: Sequence[str] = ("in_position",)

    def __post_init__(self) -> None:
        if self.frame not in FRAMES or not self.near > 0:
            raise SettingError(
                f"a warning needs near > 0 m and a frame of {', '.join(FRAMES)}, but got "
                f"{self.near} and {self.frame!r}"
            )
        if self.dash is not None:
            plane = {name: np.asarray(self.dash.get(name), np.float64) for name in self.dash}
            shapes = {name: value.shape for name, value in plane.items()}
            if shapes != {"point": (3,), "normal": (3,)} or not plane["normal"].any():
                raise SettingError(
                    "the dash must be a plane {point: [x, y, z], normal: [x, y, z]} in metres, but "
                    f"is {dict(self.dash)}"
                )

    def __call__(self, result: Result, i: int) -> dict[str, str]:
        """Return seat to warning for frame ``i`` of a result; without seats that are all right.

        Raises:
            SettingError: If there is a dash and the camera was only assumed, or is not known in
                the car.
        """
        found = {}
        for seat, person in result.people.items():
            if self.dash is not None:
                text = self._near(person, i, result.camera)
            else:
                text = self._class(person, i, result.tasks)
            if text:
                found[seat] = text
        return found

    def _near(self, person: Person, i: int, camera: Camera | None) -> str | None:
        assert self.dash is not None
        if camera is not None and camera.assumed:
            raise SettingError(
                "a distance from the dash needs a camera that is known: give camera.calibration "
                "or camera.fx, or leave out warning.dash"
            )
        if camera is None or person.joints3d is None:
            return None
        nose = person.joints3d[i, Skeleton.load(CANONICAL).index("nose")]
        if self.frame == "car":
            nose = camera.to_world(nose)
        normal = np.asarray(self.dash["normal"], np.float64)
        away = float((nose - np.asarray(self.dash["point"])) @ normal / np.linalg.norm(normal))
        return f"nose {100 * max(away, 0):.0f} cm from the dash" if away < self.near else None

    def _class(self, person: Person, i: int, tasks: Mapping[str, Sequence[str]]) -> str | None:
        if self.task not in tasks or self.task not in person.classes:
            return None
        names = tasks[self.task]
        if self.task in person.decisions:
            name = names[int(person.decisions[self.task][i])]
        else:
            name = names[int(np.nan_to_num(person.classes[self.task][i]).argmax())]
        return None if name == UNKNOWN or name in self.good else name.replace("_", " ")
