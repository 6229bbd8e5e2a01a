"""How completion and 3D stand more and more occlusion, as colour on bodies."""

from collections.abc import Mapping, Sequence

import numpy as np

from kpcomplete.completer import Completer
from kpcomplete.lifter import Lifter
from kpcomplete.occlusion import Occlusion
from kpcomplete.pose import Array, Visibility
from kpcomplete.privacy import Anonymize
from kpcomplete.scene import colours, surroundings
from kpcomplete.scene.body import body, painted
from kpcomplete.scene.parts import Label, Mesh, Picture, Scene
from kpcomplete.scene.view import View
from kpcomplete.show import Chapter
from kpcomplete.show._film import Film
from kpcomplete.show._people import Cast
from kpcomplete.show._trials import UNTOUCHED, Trial, trials
from kpcomplete.show._views import views_of
from kpcomplete.skeleton import CANONICAL, Skeleton
from kpcomplete.window import Window

ONE, ALL, FLAT = "one level", "all levels", "in the image"
_APART = 1.5  # metres between levels that stand side by side
_CLEAR = 0.55  # opacity of joints that were not seen
_ROOT = ("left_shoulder", "right_shoulder")


class Robustness:
    """Hides joints of a recording on purpose, ever more of them; each severity is a chapter.

    Joints are blue where they are right and red where they are ``worst`` off; those that were not
    seen are translucent; thin and green is where they should be: the truth where it is known, else
    what is believed with nothing hidden. Errors are of places relative to the middle of the
    shoulders. Variants: ``one level`` and ``all levels`` side by side; ``in the image``: errors of
    completion alone, as metres across the line of sight.

    Args:
        path: Result of ``kpcomplete process`` with 3D joints.
        occlusion: What is hidden.
        completer: Brings it back.
        window: How much of past and future it sees.
        lifter: Finds the third dimension.
        mount: See `kpcomplete.show.player.Player`.
        truth: Likewise.
        video: Likewise.
        min_confidence: Joints of which the detector was less sure count as missing.
        limit: Frames of the recording.
        worst: Metres of an error that is all red.
        anonymize: Cover heads in the images: true; ``all``: make the images coarse.

    Raises:
        SourceError: If the result has no 3D joints, or a file cannot be read.
        SettingError: If nobody is in it, or there is no such mount.
    """

    seats: Sequence[str]
    variants: Sequence[str] = (ONE, ALL, FLAT)

    def __init__(
        self,
        *,
        path: str,
        occlusion: Occlusion,
        completer: Completer,
        window: Window,
        lifter: Lifter,
        mount: str | None = "auto",
        truth: str | None = None,
        video: str | None = None,
        min_confidence: float = 0.5,
        limit: int = 300,
        worst: float = 0.2,
        anonymize: Anonymize = False,
    ) -> None:
        self._cast = Cast.of(path, mount=mount, truth=truth)
        recording = self._cast.recording
        self._trials = trials(
            recording, occlusion, completer=completer, window=window, lifter=lifter,
            min_confidence=min_confidence, limit=limit,
        )  # fmt: skip
        self._skeleton = Skeleton.load(CANONICAL)
        self._root = self._skeleton.indices(_ROOT)
        self._worst, self._axis = worst, occlusion.axis
        self._film = Film.of(recording.name if video is None else video, recording, anonymize)
        self.seats = tuple(self._trials[0].points)
        self._length = len(next(iter(self._trials[0].points.values())))
        self.title = f"{occlusion.title}: {recording.name}"
        self.fps = recording.fps
        self.layers: Sequence[str] = ("car", "ground", "camera", "names", *self.seats)
        self.views: Mapping[str, View] = views_of(self._cast.camera, self._cast.middle)
        self.chapters = tuple(
            Chapter(name=trial.level, start=i * self._length)
            for i, trial in enumerate(self._trials)
        )
        self._frustum = surroundings.frustum(self._cast.camera)
        self._car = surroundings.car() if mount is not None else None
        self._ground = surroundings.ground((0.0, 0.25), 0.0, reach=1.5)

    def __len__(self) -> int:
        return len(self._trials) * self._length

    def scene(self, moment: int, variant: str) -> Scene:
        """Return one severity at a frame, or all of them beside each other."""
        level, frame = divmod(moment, self._length)
        shown = self._trials if variant == ALL else [self._trials[level]]
        shifts = (np.arange(len(shown)) - (len(shown) - 1) / 2) * _APART
        meshes: dict[str, Mesh] = {}
        labels: list[Label] = []
        for trial, shift in zip(shown, shifts, strict=True):
            tag = f" {trial.level}" if variant == ALL else ""
            for seat in self.seats:
                parts = self._bodies(trial, seat, frame, np.array([shift, 0.0, 0.0]), variant)
                meshes |= {f"{seat}{name}{tag}": mesh for name, mesh in parts.items()}
            if variant == ALL:
                top = self._cast.middle + np.array([shift, 0.0, 0.75])
                labels.append(Label(text=trial.level.replace("_", " "), place=top))
        pictures: dict[str, Picture] = {}
        if variant != ALL:
            meshes |= {"ground": self._ground, "camera": self._frustum}
            meshes |= {"car": self._car} if self._car is not None else {}
            image = self._film.at(int(self._cast.recording.frames[frame]))
            if image is not None:
                pictures["camera"] = surroundings.image(self._cast.camera, image)
        number = int(self._cast.recording.frames[frame])
        return Scene(
            meshes=meshes,
            pictures=pictures,
            labels=labels,
            caption=f"frame {number} | {self._axis}: {self._word(level, frame, variant)}",
            legend=[
                ("0 cm off", _rgb(colours.heat(np.array(0.0)))),
                (f"{100 * self._worst:.0f} cm off", _rgb(colours.heat(np.array(1.0)))),
                ("truth" if self._cast.truth else "with nothing hidden", colours.TRUTH),
            ],
            progress=moment / max(len(self) - 1, 1),
            width=1.0 + 0.36 * (len(shown) - 1),
        )

    def pick(self, eye: Array, direction: Array, moment: int, variant: str) -> int | None:
        """Point at nothing: moments are not things here."""
        return None

    def error(self, level: int, seat: str, frame: int) -> Array:
        """Return how far joints ``[J]`` are from where they should be, metres; NaN if unknown."""
        found, true = self._trials[level].points[seat][frame], self._should(seat, frame)
        away = (found - found[self._root].mean(axis=0)) - (true - true[self._root].mean(axis=0))
        error: Array = np.linalg.norm(away, axis=-1)
        return error

    def error_in_image(self, level: int, seat: str, frame: int) -> Array:
        """Return how far completed joints ``[J]`` are off in the image, pixels; NaN if unknown.

        An assumed camera does not tell where in the image the truth is: there it is what is
        believed with nothing hidden.
        """
        if seat in self._cast.truth and not self._cast.camera.assumed:
            true = self._cast.camera.project(self._should(seat, frame))
        else:
            true = self._trials[0].pixels[seat][frame]
        error: Array = np.linalg.norm(self._trials[level].pixels[seat][frame] - true, axis=-1)
        return error

    def _off(self, level: int, seat: str, frame: int, variant: str) -> Array:
        """Return errors ``[J]`` in metres, in space or across the line of sight."""
        if variant != FLAT:
            return self.error(level, seat, frame)
        per_pixel = self._should(seat, frame)[:, 2] / self._cast.camera.fx
        off: Array = self.error_in_image(level, seat, frame) * per_pixel
        return off

    def _should(self, seat: str, frame: int) -> Array:
        """Return where joints are in truth, ``[J, 3]`` metres in the camera's frame."""
        if seat in self._cast.truth:
            return self._cast.camera.to_camera(self._cast.truth[seat][frame])
        found: Array = self._trials[0].points[seat][frame]
        return found

    def _bodies(
        self, trial: Trial, seat: str, frame: int, shift: Array, variant: str
    ) -> dict[str, Mesh]:
        found, state = trial.points[seat][frame], trial.state[seat][frame]
        error = self._off(self._trials.index(trial), seat, frame, variant)
        paint = np.column_stack([colours.heat(error / self._worst), np.ones(len(error))])
        paint[state != Visibility.OBSERVED, 3] = _CLEAR
        known = np.where((state != Visibility.MISSING)[:, None], found, np.nan)
        camera = self._cast.camera
        true = self._should(seat, frame)
        # at the shoulders of what was found: errors are relative to them
        beside = true - true[self._root].mean(axis=0) + found[self._root].mean(axis=0)
        return {
            "": painted(camera.to_world(known) + shift, self._skeleton, paint),
            " truth": body(camera.to_world(beside) + shift, self._skeleton,
                           colour=colours.TRUTH, thickness=0.35),
        }  # fmt: skip

    def _word(self, level: int, frame: int, variant: str) -> str:
        """Return the severity, how much was hidden, and the mean error of that."""
        trial, pixels, errors, hidden = self._trials[level], [], [], 0
        for seat in self.seats:
            gone = trial.state[seat][frame] == Visibility.COMPLETED
            errors.append(self._off(level, seat, frame, variant)[gone])
            pixels.append(self.error_in_image(level, seat, frame)[gone])
            hidden += int(gone.sum())
        name = trial.level if trial.level == UNTOUCHED else trial.level.replace("_", " ")
        return (
            f"{name}, {hidden} joints completed{_mean(errors, 100, 'cm')}{_mean(pixels, 1, 'px')}"
        )


def _mean(errors: Sequence[Array], scale: float, unit: str) -> str:
    """Return the mean of errors in words; nothing of none."""
    every = np.concatenate(errors)
    every = every[np.isfinite(every)]
    return f", {scale * every.mean():.1f} {unit} off" if len(every) else ""


def _rgb(colour: Array) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in colour)
    return red, green, blue
