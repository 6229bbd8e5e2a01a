"""Everybody in the car, in 3D, as a recording goes on."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from kpcomplete.head.explanation import shares
from kpcomplete.pose import Array
from kpcomplete.privacy import Anonymize
from kpcomplete.scene import colours, surroundings
from kpcomplete.scene.body import body, halos
from kpcomplete.scene.parts import RGB, Label, Mesh, Picture, Scene, merge
from kpcomplete.scene.view import View
from kpcomplete.show import Chapter
from kpcomplete.show._film import Film
from kpcomplete.show._people import Cast
from kpcomplete.show._views import views_of

COMPLETED, BESIDE, TOGETHER, SEEN = "completed", "side by side", "together", "seen only"
_APART = 1.9  # metres between cars that stand side by side
_TRAILED = ("left_wrist", "right_wrist", "nose")
_WORDS = {"raw": "seen by the detector", "completed": "completed", "truth": "truth"}


class Player:
    """Shows the people of a result of ``kpcomplete process`` as bodies of joints and bones.

    What was completed has another colour, and is the more translucent the less certain it is. With
    a head, names tell what was decided, and joints that carried it have halos.
    Variants: ``completed``; ``side by side``: what the detector saw, what was completed, the truth
    where it is known; ``together``: all three in one place; ``seen only``: joints that were seen.

    Args:
        path: The Parquet file.
        mount: Where the camera is in the car, if its calibration does not say: ``mirror``,
            ``dash``, ``pillar``, ``door``, ``roof``; ``auto``: which of them sets people into
            seats. None: there is no car.
        truth: See `kpcomplete.show._people.Cast.of`.
        video: With the images. None: where the recording came from, if it is still there.
        trail: Seconds of the ways of wrists and noses.
        shell: Show floor, doors, pillars and roof of the car, too.
        anonymize: Cover heads in the images: true; ``all``: make the images coarse.

    Raises:
        SourceError: If the result has no 3D joints, or a file cannot be read.
        SettingError: If there is no such mount, or the truth is of other seats.
    """

    variants: Sequence[str]
    chapters: Sequence[Chapter] = ()

    def __init__(
        self,
        *,
        path: str,
        mount: str | None = "auto",
        truth: str | None = None,
        video: str | None = None,
        trail: float = 1.0,
        shell: bool = False,
        anonymize: Anonymize = False,
    ) -> None:
        self._cast = Cast.of(path, mount=mount, truth=truth)
        recording = self._cast.recording
        self._film = Film.of(recording.name if video is None else video, recording, anonymize)
        self._shell = mount is not None and shell
        self._has_car = mount is not None
        self._trail = max(0, round(trail * recording.fps))
        self.title = f"{recording.name}"
        self.fps = recording.fps
        self.variants = (COMPLETED, BESIDE, TOGETHER, SEEN)
        self.seats = self._cast.seats
        surrounding = ["car", "ground", "camera", "trails", "names"]
        surrounding += ["explanation"] if recording.carried else []
        self.layers = (*surrounding, *self.seats)
        self.views: Mapping[str, View] = views_of(self._cast.camera, self._cast.middle)

    def __len__(self) -> int:
        return len(self._cast)

    def scene(self, moment: int, variant: str) -> Scene:
        """Return what is there at a frame."""
        columns = self._columns(variant)
        shifts = (np.arange(len(columns)) - (len(columns) - 1) / 2) * _APART
        meshes: dict[str, Mesh] = {}
        pictures: dict[str, Picture] = {}
        labels: list[Label] = []
        for column, shift in zip(columns, shifts, strict=True):
            part = _Column(self._cast, moment, column, np.array([shift, 0.0, 0.0]))
            tag = f" {column}" if len(columns) > 1 else ""
            meshes |= {f"{seat}{tag}": mesh for seat, mesh in part.bodies()}
            labels += part.labels(with_title=len(columns) > 1)
            if column in (COMPLETED, SEEN) and self._cast.recording.carried:
                meshes[f"explanation{tag}"] = part.explanation()
            if column != "truth" and self._trail:
                meshes[f"trails{tag}"] = part.trails(self._trail)
            meshes |= self._surroundings(tag, float(shift))
        image = self._film.at(int(self._cast.recording.frames[moment]))
        if image is not None and len(columns) == 1:
            pictures["camera"] = surroundings.image(self._cast.camera, image)
        return Scene(
            meshes=meshes,
            pictures=pictures,
            labels=labels,
            caption=self._caption(moment, variant),
            legend=self._legend(variant),
            progress=moment / max(len(self) - 1, 1),
            width=1.0 + 0.42 * (len(columns) - 1),
        )

    def pick(self, eye: Array, direction: Array, moment: int, variant: str) -> int | None:
        """Point at nothing: moments are not things here."""
        return None

    def _columns(self, variant: str) -> tuple[str, ...]:
        if variant == BESIDE:
            return ("raw", "completed", "truth") if self._cast.truth else ("raw", "completed")
        return (variant,)

    def _surroundings(self, tag: str, shift: float) -> Mapping[str, Mesh]:
        if (tag, shift) not in self._still:
            still = {f"ground{tag}": self._ground.moved((shift, 0, 0))}
            if self._has_car:
                still[f"car{tag}"] = self._car.moved((shift, 0, 0))
            if not tag:
                still["camera"] = surroundings.frustum(self._cast.camera)
            self._still[tag, shift] = still
        return self._still[tag, shift]

    @cached_property
    def _still(self) -> dict[tuple[str, float], Mapping[str, Mesh]]:
        return {}

    @cached_property
    def _car(self) -> Mesh:
        return surroundings.car(shell=self._shell)

    @cached_property
    def _ground(self) -> Mesh:
        middle = self._cast.middle
        if self._has_car:
            return surroundings.ground((0.0, 0.25), 0.0, reach=0.9 if self._shell else 1.5)
        every = np.concatenate([p.reshape(-1, 3) for p in self._cast.completed.values()])
        return surroundings.ground(middle[:2].tolist(), float(np.nanpercentile(every[:, 2], 1)))

    def _caption(self, moment: int, variant: str) -> str:
        recording = self._cast.recording
        frame, time = int(recording.frames[moment]), float(recording.times[moment])
        assumed = " | assumed camera" if self._cast.camera.assumed else ""
        return f"frame {frame} | {time:.2f} s | {variant}{assumed}"

    def _legend(self, variant: str) -> list[tuple[str, RGB]]:
        words = [("left", colours.LEFT), ("right", colours.RIGHT)]
        if variant != SEEN:
            words.append(("completed", colours.COMPLETED))
        if variant == TOGETHER:
            words.append(("seen by detector", colours.RAW))
        if self._cast.truth and variant in (BESIDE, TOGETHER):
            words.append(("truth", colours.TRUTH))
        if self._cast.recording.carried and variant != TOGETHER:
            words.append((f"why this {self._cast.recording.explained}", colours.CARRIES))
        return words


class _Column:
    """One of the cars that stand side by side, at a moment."""

    def __init__(self, cast: Cast, moment: int, what: str, shift: Array) -> None:
        self._cast, self._moment, self._what, self._shift = cast, moment, what, shift

    def bodies(self) -> list[tuple[str, Mesh]]:
        cast, now, skeleton = self._cast, self._moment, self._cast.recording.skeleton
        found = []
        for seat in cast.seats:
            completed = cast.recording.completed[seat]
            state, std = completed.visibility[now], cast.recording.std3d[seat][now]
            points = cast.completed[seat][now] + self._shift
            if self._what == "truth":
                if seat in cast.truth:
                    true = cast.truth[seat][now] + self._shift
                    found.append((seat, body(true, skeleton, colour=colours.TRUTH)))
                continue
            if self._what == "raw":
                found.append((seat, body(cast.raw[seat][now] + self._shift, skeleton)))
                continue
            if self._what == SEEN:
                points = np.where(completed.is_observed[now][:, None], points, np.nan)
            # joints that were neither seen nor completed are the lifter's guess: left out
            points = np.where(completed.is_missing[now][:, None], np.nan, points)
            found.append((seat, body(points, skeleton, state=state, std=std)))
            if self._what == TOGETHER:
                found += self._ghosts(seat)
        return found

    def _ghosts(self, seat: str) -> list[tuple[str, Mesh]]:
        cast, now, skeleton = self._cast, self._moment, self._cast.recording.skeleton
        raw = cast.raw[seat][now] + self._shift
        ghosts = [(f"{seat} raw", body(raw, skeleton, colour=colours.RAW, thickness=0.5))]
        if seat in cast.truth:
            true = cast.truth[seat][now] + self._shift
            thin = body(true, skeleton, colour=colours.TRUTH, thickness=0.5)
            ghosts.append((f"{seat} truth", thin))
        return ghosts

    def labels(self, *, with_title: bool) -> list[Label]:
        cast, now = self._cast, self._moment
        source = {"raw": cast.raw, "truth": cast.truth}.get(self._what, cast.completed)
        found = []
        for seat, points in source.items():
            known = points[now][np.isfinite(points[now]).all(axis=-1)]
            if len(known):
                top = np.append(known[:, :2].mean(axis=0), known[:, 2].max() + 0.16)
                tells = self._what in (COMPLETED, SEEN) and not with_title
                said = cast.said(seat, now) if tells else ""
                text = f"{seat}: {said}" if said else seat
                found.append(Label(text=text, place=top + self._shift, layer=seat))
        if with_title:
            place = np.array([0.0, 0.3, 1.55]) + self._shift
            found.append(Label(text=_WORDS[self._what], place=place, colour=colours.FRUSTUM))
        return found

    def explanation(self) -> Mesh:
        """Return what stands out of each body, as it carries the decision."""
        now, carried = self._moment, self._cast.recording.carried
        return merge(
            [
                halos(points[now] + self._shift, shares(carried[seat][now]))
                for seat, points in self._cast.completed.items()
                if seat in carried
            ]
        )

    def trails(self, length: int) -> Mesh:
        cast = self._cast
        which = [cast.recording.skeleton.index(j) for j in _TRAILED
                 if j in cast.recording.skeleton.joints]  # fmt: skip
        source = cast.raw if self._what == "raw" else cast.completed
        ways = []
        for i, seat in enumerate(cast.seats):
            past = source[seat][max(0, self._moment - length) : self._moment + 1, which]
            ways.append(surroundings.trails(past + self._shift, colours.SEATS[i % 6]))
        return merge(ways)
