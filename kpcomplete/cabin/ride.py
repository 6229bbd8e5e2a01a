"""The whole cabin at a moment: vehicle, people, light and truth."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kpcomplete.cabin import behaviour, things, vehicle
from kpcomplete.cabin.belt import Worn, belt
from kpcomplete.cabin.cameras import Camera
from kpcomplete.cabin.child_seat import booster
from kpcomplete.cabin.landmarks import FLESH, NAMES
from kpcomplete.cabin.light import Light
from kpcomplete.cabin.mesh import Mesh, merge
from kpcomplete.cabin.motion import Motion
from kpcomplete.cabin.occupant import ADULT, CHILD, Body, Figure, Occupant
from kpcomplete.cabin.outside import backdrop
from kpcomplete.cabin.rig import Seat
from kpcomplete.cabin.shapes import Shape
from kpcomplete.cabin.sitter import Span
from kpcomplete.cabin.themes import HELD
from kpcomplete.cabin.visibility import Joints, Layers, Scene, causes

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
        things: the steering wheel as it is turned, and what people hold.
        scene: everything that hides and casts shadows.
    """

    time: float
    bodies: Mapping[str, Body]
    things: Sequence[Mesh]
    scene: Layers


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
        loads: what lies on laps.
        spans: seat -> what is done, for what is held meanwhile.
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
        loads: Sequence[Shape] = (),
        spans: Mapping[str, Sequence[Span]] | None = None,
        light: Light | None = None,
        relight: int = 1,
    ) -> None:
        self.occupants, self.motions, self.sits = occupants, motions, sits or {}
        self.car = car or vehicle.Car()
        self.light, self.wheel, self.turned, self.relight = light or Light(), wheel, turned, relight
        self.spans, self.extra, self.loads = spans or {}, extra, loads
        self._loads = [load.mesh() for load in loads]
        self.inside = self.car.mesh(wheel, extra)
        self._still = Scene({"vehicle": self.inside}).sorted()
        self._lit: Mesh | None = None
        self._drawn = 0
        self._brightness: list[Array] = []
        self._belts: dict[str, Worn] = {}

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
        objects = [*self._held(time, bodies), *self._loads]
        held = {f"object.{i}": mesh for i, mesh in enumerate(objects)}
        moving = Scene({"vehicle.wheel": wheel, **people, **held})
        return Moment(time, bodies, [wheel, *held.values()], Layers([self._still, moving]))

    def _held(self, time: float, bodies: Mapping[str, Body]) -> list[Mesh]:
        """What is in people's hands; all things always, those that are not there far away."""
        return [
            things.mesh(span, bodies[seat].landmarks, time)
            for seat, spans in self.spans.items()
            for span in spans
            if span.name in HELD
        ]

    def causes(self, moment: Moment, camera: Camera) -> dict[str, list[str]]:
        """Seat -> why each of the 33 landmarks is seen or not."""
        flesh = [FLESH.get(name, ()) for name in NAMES]
        people = [
            Joints(seat, body.landmarks, self.occupants[seat].depth, flesh)
            for seat, body in moment.bodies.items()
        ]
        return dict(zip(moment.bodies, causes(moment.scene, camera, people), strict=True))

    def mesh(self, moment: Moment, center: Array) -> tuple[Mesh, Mesh]:
        """What moves and what stands still, lit; the world outside lies around `center`.

        The light inside the vehicle is computed once, with the people of the first moment asked
        for: what they do later changes it too little to be worth the time. So the second mesh is
        always the same.
        """
        if self._lit is None:
            outside = backdrop(center)
            outside = replace(outside, colors=outside.colors * min(1.0, self.light.outside))
            self._lit = merge([outside, self._shade(self.inside, moment.scene)])
        people = [self.occupants[seat].mesh(body) for seat, body in moment.bodies.items()]
        belts = [
            self._belt(seat, body)
            for seat, body in moment.bodies.items()
            if not self.occupants[seat].seat.facing  # a baby's carrier has its own
        ]
        moving = [*moment.things, *people, *belts]
        if self._drawn % self.relight == 0:
            self._brightness = [self._falls(mesh, moment.scene) for mesh in moving]
        self._drawn += 1
        lit = [
            Mesh(mesh.vertices, mesh.triangles, self.light.shade(mesh.colors, brightness))
            for mesh, brightness in zip(moving, self._brightness, strict=True)
        ]
        return merge(lit), self._lit

    def _belt(self, seat: str, body: Body) -> Mesh:
        """The belt is drawn but hides no joint: it lies on the clothes as they lie on the skin."""
        if seat not in self._belts:
            side = float(np.sign(self.occupants[seat].seat.hip[0])) or 1.0
            sides = ("left", "right") if side > 0.0 else ("right", "left")
            at = dict(zip(NAMES, body.landmarks, strict=True))
            shoulders, hips = (
                np.stack([at[f"{name}_{joint}"] for name in sides]) for joint in ("shoulder", "hip")
            )
            torso = self.occupants[seat].parts(body)["torso"]
            mesh = belt(torso, shoulders, hips, side)
            self._belts[seat] = Worn.put_on(mesh, body.dressed)
        return self._belts[seat].moved(body.dressed)

    def _shade(self, mesh: Mesh, scene: Layers) -> Mesh:
        colors = self.light.shade(mesh.colors, self._falls(mesh, scene))
        return Mesh(mesh.vertices, mesh.triangles, colors)

    def _falls(self, mesh: Mesh, scene: Layers) -> Array:
        return self.light.falls(scene, mesh.vertices, mesh.normals())


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
        extra=[booster(float(hips["passenger"][0]))],
    )
