"""The whole cabin at a moment: vehicle, people, light and truth."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kpcomplete.cabin import behaviour, vehicle
from kpcomplete.cabin.belt import belt
from kpcomplete.cabin.cameras import Camera
from kpcomplete.cabin.landmarks import FLESH, NAMES
from kpcomplete.cabin.light import Light
from kpcomplete.cabin.mesh import Mesh, merge
from kpcomplete.cabin.motion import Motion
from kpcomplete.cabin.occupant import ADULT, CHILD, Body, Figure, Occupant
from kpcomplete.cabin.outside import backdrop
from kpcomplete.cabin.rig import Seat
from kpcomplete.cabin.shapes import Shape
from kpcomplete.cabin.visibility import Scene, causes

Array = NDArray[np.float64]

FIGURES: Mapping[str, Figure] = {"driver": ADULT, "passenger": CHILD}
SEATS: Mapping[str, Seat] = {
    "driver": Seat(np.array([0.36, 0.02, 0.345])),
    "passenger": Seat(np.array([-0.36, 0.07, 0.42]), recline=0.30, shin=0.2, thigh=1.4),
}


@dataclass(frozen=True)
class Moment:
    """The cabin at one time.

    Attributes:
        time: seconds.
        bodies: seat -> body.
        wheel: the steering wheel as it is turned.
        scene: everything that hides and casts shadows.
    """

    time: float
    bodies: Mapping[str, Body]
    wheel: Mesh
    scene: Scene


Turn = Callable[[float], Array]
Sits = Callable[[float], Seat]


class Ride:
    """Two people in the front of a car for some time.

    Args:
        occupants: seat -> who sits there.
        motions: seat -> what the person does.
        sits: seat -> how the person sits at a time in seconds; as at first if it is not there.
        wheel: that the driver steers.
        turned: time -> how far the wheel is turned, radians, shape (1,).
        car: sizes of its inside.
        extra: what else stands still in the car, such as a child's cushion.
        light: from outside.
        relight: frames for which light on what moves is kept; more is faster, and shadows lag.
    """

    def __init__(
        self,
        occupants: Mapping[str, Occupant],
        motions: Mapping[str, Motion],
        wheel: vehicle.Wheel,
        turned: Turn,
        *,
        sits: Mapping[str, Sits] | None = None,
        car: vehicle.Car | None = None,
        extra: Sequence[Shape] = (),
        light: Light | None = None,
        relight: int = 1,
    ) -> None:
        self.occupants, self.motions, self.sits = occupants, motions, sits or {}
        self.car = car or vehicle.Car()
        self.light, self.wheel, self.turned, self.relight = light or Light(), wheel, turned, relight
        self.inside = self.car.mesh(wheel, extra)
        self._lit: Mesh | None = None
        self._drawn = 0
        self._brightness: list[Array] = []

    def at(self, time: float) -> Moment:
        """The cabin at a time in seconds."""
        bodies = {
            seat: occupant.pose(
                self.motions[seat](time), self.sits[seat](time) if seat in self.sits else None
            )
            for seat, occupant in self.occupants.items()
        }
        wheel = self.wheel.mesh(float(self.turned(time)[0]))
        people = {
            f"{seat}.{part}": mesh
            for seat, body in bodies.items()
            for part, mesh in self.occupants[seat].parts(body).items()
        }
        scene = Scene({"vehicle": self.inside, "vehicle.wheel": wheel, **people})
        return Moment(time, bodies, wheel, scene)

    def causes(self, moment: Moment, camera: Camera) -> dict[str, list[str]]:
        """Seat -> why each of the 33 landmarks is seen or not."""
        flesh = [FLESH.get(name, ()) for name in NAMES]
        return {
            seat: causes(
                moment.scene, camera, seat, body.landmarks, self.occupants[seat].depth, flesh
            )
            for seat, body in moment.bodies.items()
        }

    def mesh(self, moment: Moment, center: Array) -> Mesh:
        """Everything that is to be seen, lit; the world outside lies around `center`.

        The light inside the vehicle is computed once, with the people of the first moment asked
        for: what they do later changes it too little to be worth the time.
        """
        if self._lit is None:
            self._lit = merge([backdrop(center), self._shade(self.inside, moment.scene)])
        people = [self.occupants[seat].mesh(body) for seat, body in moment.bodies.items()]
        belts = [self._belt(seat, body) for seat, body in moment.bodies.items()]
        moving = [moment.wheel, *people, *belts]
        if self._drawn % self.relight == 0:
            self._brightness = [self._falls(mesh, moment.scene) for mesh in moving]
        self._drawn += 1
        lit = [
            Mesh(mesh.vertices, mesh.triangles, self.light.shade(mesh.colors, brightness))
            for mesh, brightness in zip(moving, self._brightness, strict=True)
        ]
        return merge([self._lit, *lit])

    def _belt(self, seat: str, body: Body) -> Mesh:
        """The belt is drawn but hides no joint: it lies on the clothes as they lie on the skin."""
        side = float(np.sign(self.occupants[seat].seat.hip[0]))
        sides = ("left", "right") if side > 0.0 else ("right", "left")
        at = dict(zip(NAMES, body.landmarks, strict=True))
        shoulders, hips = (
            np.stack([at[f"{name}_{joint}"] for name in sides]) for joint in ("shoulder", "hip")
        )
        return belt(self.occupants[seat].parts(body)["torso"], shoulders, hips, side)

    def _shade(self, mesh: Mesh, scene: Scene) -> Mesh:
        colors = self.light.shade(mesh.colors, self._falls(mesh, scene))
        return Mesh(mesh.vertices, mesh.triangles, colors)

    def _falls(self, mesh: Mesh, scene: Scene) -> Array:
        return self.light.falls(scene.rays, mesh.vertices, mesh.normals())


def sample_ride(duration: float, seed: int) -> Ride:
    """The ride of the bundled sample: a driver, and a child on a booster cushion.

    Args:
        duration: seconds.
        seed: of what they do.
    """
    rng, wheel = np.random.default_rng(seed), vehicle.Wheel()
    hips = {seat: sitting.hip for seat, sitting in SEATS.items()}
    driver = behaviour.Driver(wheel, hips["driver"], rng)
    child = behaviour.Passenger(hips["passenger"], 0.70, rng)
    return Ride(
        {seat: Occupant(FIGURES[seat], SEATS[seat]) for seat in SEATS},
        {"driver": driver.perform(duration), "passenger": child.perform(duration)},
        wheel,
        driver.turned,
        extra=[vehicle.booster(float(hips["passenger"][0]))],
    )
