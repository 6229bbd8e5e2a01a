"""What an encoder makes of people: a cloud of moments, each with its pose and frame."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from kpcomplete.anomaly import Anomaly
from kpcomplete.anomaly.normality import Normality, fuse
from kpcomplete.archive import read_archive
from kpcomplete.classifying import autoencoder
from kpcomplete.clustering import cluster
from kpcomplete.data import Data
from kpcomplete.errors import SettingError
from kpcomplete.pose import Array, Visibility
from kpcomplete.privacy import Anonymize
from kpcomplete.scene import colours
from kpcomplete.scene.body import flat
from kpcomplete.scene.parts import RGB, Label, Mesh, Picture, Scene, merge
from kpcomplete.scene.primitives import balls, rods
from kpcomplete.scene.view import View
from kpcomplete.show import Chapter
from kpcomplete.show._film import Film
from kpcomplete.show._mapping import oddness, place
from kpcomplete.show._moments import Moment, encode, of_data, of_recordings
from kpcomplete.skeleton import CANONICAL, Skeleton
from kpcomplete.watching import normality

_BOARD = ((1.25, 0.0, 0.75), (3.05, 0.0, -0.6))  # metres, its corners towards the cloud and away
_BEFORE = np.array([0.0, -0.03, 0.0])  # metres
_NEAR = np.tan(np.radians(1.2))  # how far off a ray may be from a point that it points at


class Latents:
    """Shows the latents of moments as points in space; one of them with its pose and frame.

    Going through the moments goes through the points; pointing at one goes to its moment.
    Variants, by which points are coloured: ``seat``, ``cluster``, ``score``, ``time`` and the tasks
    of classes that the results have.

    Args:
        paths: Results of ``kpcomplete process``; of one frame rate.
        data: A data set instead.
        encoder: Checkpoint of the autoencoder: a path, or the name of a shipped one.
        count: Moments, spread evenly.
        length: Frames of which a moment is encoded, itself and those before it.
        projection: ``pca``, or ``umap``, which needs umap-learn.
        way: How clusters are found, see `kpcomplete.clustering.WAYS`.
        clusters: How many.
        normal: Results of normal driving of the same seats: scores are those of
            ``kpcomplete anomaly``. Without any, the score of a moment is how far its latent is
            from its nearest others (of other seconds), by rank.
        parts: Name to score, for the former.
        min_confidence: Joints of which the detector was less sure count as missing.
        seed: Same seed, same picture.
        video: With the images of a single result. None: where recordings came from.
        anonymize: Cover heads in the images: true; ``all``: make the images coarse.

    Raises:
        SettingError: If there is too little to look at.
        MissingDependencyError: If umap-learn is asked for and not installed.
    """

    layers: Sequence[str] = ("points", "picked", "camera", "names")
    seats: Sequence[str] = ()
    chapters: Sequence[Chapter] = ()
    fps = 15.0

    def __init__(
        self,
        *,
        paths: Sequence[str] = (),
        data: Data | None = None,
        encoder: str = "completer",
        count: int = 1500,
        length: int = 32,
        projection: str = "pca",
        way: str = "k_means",
        clusters: int = 8,
        normal: Sequence[str] = (),
        parts: Mapping[str, Anomaly] | None = None,
        min_confidence: float = 0.5,
        seed: int = 0,
        video: str | None = None,
        anonymize: Anonymize = False,
    ) -> None:
        if count < 2 or length < 1:
            raise SettingError(
                f"latents need count >= 2 and length >= 1 frames, but got {count} and {length}"
            )
        if data is None:
            self._moments = of_recordings(
                paths, count=count, length=length, min_confidence=min_confidence
            )
            recordings = [read_archive(path) for path in paths]
            names = [one.name if video is None else video for one in recordings]
            self._films = [Film.of(name, one, anonymize)
                           for name, one in zip(names, recordings, strict=True)]  # fmt: skip
        else:
            self._moments = of_data(data.load(), count=count, length=length)
            self._films = []
        codes = encode(autoencoder(encoder), self._moments)
        self._points = place(codes, projection, seed)
        self._skeleton = Skeleton.load(CANONICAL)
        self._kinds = cluster(codes, way, min(clusters, len(codes)), seed)
        if normal and data is None:
            self._score, self._scored = _scores(paths, normal, parts or {}, self._moments,
                                                min_confidence)  # fmt: skip
        else:
            seconds = np.array([1e6 * m.place + int(m.time) for m in self._moments])
            self._score, self._scored = oddness(codes, seconds), "rank of distance to others"
        what = ", ".join(Path(path).name for path in paths) or type(data).__name__
        self.title = f"latents of {what}"
        tasks = sorted({task for m in self._moments for task in m.classes})
        self.variants: Sequence[str] = ("seat", "cluster", "score", "time", *tasks)
        self.views: Mapping[str, View] = {
            "front": View(eye=(0.8, -3.7, 0.7), target=(0.8, 0.0, 0.0)),
            "left": View(eye=(-3.4, -0.5, 0.6), target=(0.0, 0.0, 0.0)),
            "top": View(eye=(0.0, -0.02, 3.6), target=(0.0, 0.0, 0.0)),
            "pose": View(eye=(2.15, -2.0, 0.1), target=(2.15, 0.0, 0.05)),
        }

    def __len__(self) -> int:
        return len(self._moments)

    def scene(self, moment: int, variant: str) -> Scene:
        """Return the cloud, one of its points picked, and that one's pose before its frame."""
        one = self._moments[moment]
        paint = np.array([(*colours.side(j), 1.0) for j in self._skeleton.joints])
        completed = one.state == Visibility.COMPLETED
        paint[completed] = (*colours.COMPLETED, 0.7)
        corners = _fitting(one.image_size)
        meshes = {
            "points": self._clouds[variant],
            "picked": self._picked(moment),
            "pose": flat(one.keypoints, self._skeleton, paint, corners + _BEFORE,
                         one.image_size),
        }  # fmt: skip
        film = self._films[one.place] if self._films else None
        image = film.at(one.frame) if film is not None else None
        board = np.full((64, 64, 3), 38, np.uint8) if image is None else image
        label = f"{one.seat}, {one.time:.1f} s"
        return Scene(
            meshes=meshes,
            pictures={"camera": Picture(corners=corners, image=board)},
            labels=[Label(text=label, place=self._points[moment] + [0, 0, 0.08])],
            caption=f"{label} | frame {one.frame} | {variant} {self._said(moment, variant)}",
            legend=self._legend(variant),
            progress=moment / max(len(self) - 1, 1),
        )

    def pick(self, eye: Array, direction: Array, moment: int, variant: str) -> int | None:
        """Return the nearest point that the ray meets almost."""
        away = self._points - eye
        depth = away @ direction
        off = np.linalg.norm(away - depth[:, None] * direction, axis=1)
        met = (depth > 0) & (off < _NEAR * depth)
        return int(np.where(met, depth, np.inf).argmin()) if met.any() else None

    @cached_property
    def _clouds(self) -> Mapping[str, Mesh]:
        size = 0.02 if len(self) < 3000 else 0.012
        found = {}
        for variant in self.variants:
            paint = np.column_stack([self._colours(variant), np.ones(len(self))])
            found[variant] = balls(self._points, size, paint, fine=False)
        return found

    def _numbers(self, variant: str) -> Array:
        if variant == "seat":
            names = list(dict.fromkeys(m.seat for m in self._moments))
            return np.array([names.index(m.seat) for m in self._moments])
        if variant == "cluster":
            return np.asarray(self._kinds)
        return np.array([m.classes.get(variant, -1) for m in self._moments])

    def _colours(self, variant: str) -> Array:
        if variant == "score":
            low, high = np.nanquantile(self._score, [0.02, 0.98])
            return colours.heat((self._score - low) / max(float(high - low), 1e-9))
        if variant == "time":
            times = np.array([m.time for m in self._moments])
            return colours.rising(times / max(float(times.max()), 1e-9))
        return colours.kinds(self._numbers(variant))

    def _said(self, moment: int, variant: str) -> str:
        if variant == "score":
            return f"{self._score[moment]:.2f} ({self._scored})"
        if variant in ("time", "seat"):
            return ""
        return str(int(self._numbers(variant)[moment]))

    def _legend(self, variant: str) -> list[tuple[str, RGB]]:
        if variant in ("score", "time"):
            ramp = colours.heat if variant == "score" else colours.rising
            ends = ("usual", "unusual") if variant == "score" else ("early", "late")
            return [(word, _rgb(ramp(np.array(float(i))))) for i, word in enumerate(ends)]
        numbers = np.unique(self._numbers(variant))[:8]
        names = list(dict.fromkeys(m.seat for m in self._moments))
        words = [names[n] if variant == "seat" else str(n) for n in numbers]
        hues = colours.kinds(numbers)
        return [(word, _rgb(hue)) for word, hue in zip(words, hues, strict=True)]

    def _picked(self, moment: int) -> Mesh:
        """Return a ball around the point, and a thread from it to its pose."""
        point = self._points[moment][None]
        white = np.array([[1.0, 1.0, 1.0, 1.0]])
        thread = rods(point, np.array([_BOARD[0]]), 0.003, 0.6 * white + [[0, 0, 0, 0.4]])
        return merge([balls(point, 0.045, white), thread])


def _fitting(image_size: tuple[int, int]) -> Array:
    """Return the corners of an image of this shape on the board."""
    width, height = image_size
    near, far = np.array(_BOARD)
    middle, room = (near + far) / 2, np.abs(far - near)
    scale = min(room[0] / width, room[2] / height) / 2
    half = np.array([width * scale, 0, height * scale])
    turn = np.array([(-1, 1, 1), (1, 1, 1), (1, 1, -1), (-1, 1, -1)])
    corners: Array = middle + half * turn
    return corners


def _rgb(colour: Array) -> RGB:
    red, green, blue = (float(value) for value in colour)
    return red, green, blue


def _scores(
    paths: Sequence[str],
    normal: Sequence[str],
    parts: Mapping[str, Anomaly],
    moments: Sequence[Moment],
    min_confidence: float,
) -> tuple[Array, str]:
    """Return ``[N]`` scores as ``kpcomplete anomaly`` has them, and what they are."""
    usual = [read_archive(path) for path in normal]
    known: dict[str, Normality] = {}
    frames: dict[tuple[int, str, int], float] = {}
    for number, path in enumerate(paths):
        recording = read_archive(path)
        for seat, poses in recording.raw.items():
            trusted = poses.hide(poses.confidence < min_confidence).keypoints
            if not np.isfinite(trusted).any():
                continue
            if seat not in known:
                known[seat] = normality(usual, seat, parts, min_confidence)
            score = fuse([known[seat](torch.from_numpy(trusted))])
            for frame, value in zip(recording.frames.tolist(), score.tolist(), strict=True):
                frames[number, seat, frame] = value
    if not frames:
        raise SettingError("scores need somebody in the recordings, but nobody is")
    return np.array([frames[m.place, m.seat, m.frame] for m in moments]), "standard deviations"
