"""The named classical completers, fitted to people and set on people left out in turn."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from tqdm import tqdm

from kpcomplete.benchmark import window_pca
from kpcomplete.benchmark.hiding import Task, errors, hide, macro
from kpcomplete.benchmark.trial import Trial, draw, shows
from kpcomplete.completer import Completer, fitting
from kpcomplete.completer.gaussian import Gaussian
from kpcomplete.completer.guided import Guided
from kpcomplete.completer.hold import Hold
from kpcomplete.completer.interpolate import Interpolate
from kpcomplete.completer.kalman import Kalman
from kpcomplete.completer.neighbours import Neighbours
from kpcomplete.data import PoseSet

Setting = tuple[float, ...]
_STORED = 400  # poses of a view and kind among which neighbours are looked for
_LENGTH, _RANK, _WINDOWS = 64, 16, 500  # of the PCA of windows: frames, directions, windows a view


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """What the classical completers of one view know of some people.

    Attributes:
        poses: The people, as this view sees them; nobody else is known.
        numbers: See `kpcomplete.completer.fitting.fit`.
        seed: Of what is drawn.
    """

    poses: PoseSet
    numbers: Mapping[str, Mapping[str, Tensor]]
    seed: int

    @classmethod
    def to(cls, poses: PoseSet, *, seed: int, quick: bool) -> dict[str, "Fitted"]:
        """Fit to each view of people, if ``quick`` to fewer poses and in fewer rounds."""
        frames, rounds = (800, 8) if quick else (2000, 20)
        found = {}
        for view in sorted(set(poses.views)):
            some = poses.select([i for i, v in enumerate(poses.views) if v == view])
            numbers = fitting.fit(
                {"people": some}, moving=["people"], seed=seed, mirrored=False,
                frames=frames, poses=_STORED, rounds=rounds,
            )  # fmt: skip
            found[view] = cls(poses=some, numbers=numbers, seed=seed)
        return found

    @cached_property
    def windows(self) -> window_pca.Components:
        """Principal components of windows, with and without faces where these are known."""
        batch = self.poses.windows(_LENGTH, _LENGTH // 2)
        generator = torch.Generator().manual_seed(self.seed)
        some = batch.select(torch.randperm(len(batch), generator=generator)[:_WINDOWS])
        groups = list(fitting.placed(some).values())
        return window_pca.fit(groups, self.numbers["gaussian"]["joints"].long(), _RANK)


@dataclass(frozen=True, kw_only=True)
class Method:
    """A classical completer with a short list of settings to choose from.

    Attributes:
        build: From what is known of people, and a setting.
        settings: To choose from.
        two_sided: Takes part where later frames are known.
        causal: Takes part where they are not, and each frame is completed from earlier ones.
        throughout: Knows something of joints that a window never shows.
        framewise: Looks at each frame by itself.
    """

    build: Callable[[Fitted, Setting], Completer]
    settings: tuple[Setting, ...] = ((),)
    two_sided: bool = True
    causal: bool = False
    throughout: bool = False
    framewise: bool = False

    def fits(self, trial: Trial) -> bool:
        """Whether it takes part in a trial."""
        if not (self.causal if trial.causal else self.two_sided):
            return False
        return self.throughout or trial.gap is not None or trial.ratio > 0


def _guided(fitted: Fitted, setting: Setting, *, causal: bool) -> Completer:
    share, seconds = setting
    numbers = fitted.numbers
    return Guided(
        causal=causal, share=share, seconds=seconds,
        gaussian=numbers["gaussian"], motion=numbers["motion"],
    )  # fmt: skip


METHODS: Mapping[str, Method] = {
    "hold": Method(build=lambda f, _: Hold(weights=f.numbers["motion"]), causal=True),
    "linear": Method(build=lambda f, _: Interpolate(weights=f.numbers["motion"])),
    "akima": Method(build=lambda f, _: Interpolate(kind="akima", weights=f.numbers["motion"])),
    "kalman": Method(
        build=lambda f, _: Kalman(weights=f.numbers["motion"]), causal=True, two_sided=False
    ),
    "smoother": Method(build=lambda f, _: Kalman(causal=False, weights=f.numbers["motion"])),
    "gaussian": Method(
        build=lambda f, _: Gaussian(weights=f.numbers["gaussian"]),
        causal=True,
        throughout=True,
        framewise=True,
    ),
    "neighbours": Method(
        build=lambda f, s: Neighbours(k=int(s[0]), weights=f.numbers["neighbours"]),
        settings=((5,), (20,), (80,)),
        causal=True,
        throughout=True,
        framewise=True,
    ),
    "window_pca": Method(
        build=lambda f, s: window_pca.WindowPCA(components=f.windows.truncated(int(s[0]))),
        settings=((4,), (8,), (16,)),
        throughout=True,
    ),
    "guided_hold": Method(  # share, seconds
        build=lambda f, s: _guided(f, s, causal=True),
        settings=((0.1, 1.0), (0.2, 1.0), (0.2, 3.0), (0.4, 3.0), (0.4, 10.0), (1.0, 10.0)),
        causal=True,
        two_sided=False,
    ),
    "guided_linear": Method(  # share; seconds have no effect
        build=lambda f, s: _guided(f, s, causal=False),
        settings=((0.05, 1.0), (0.1, 1.0), (0.25, 1.0)),
    ),
}
"""The frozen list. Guided ones answer joints never seen as ``gaussian`` does, so not twice."""


def family(trial: Trial) -> str:
    """Return the kind of trial for which settings are chosen together."""
    if trial.gap is not None:
        return "causal gaps" if trial.causal else "gaps"
    return trial.figure


def choose(
    poses: PoseSet,
    tested: PoseSet,
    trials: Sequence[Trial],
    *,
    people: Sequence[str],
    count: int,
    seed: int,
) -> dict[tuple[str, str], Setting]:
    """Return the best setting of each method and family of trials.

    People in turn are left out of the fit and measured; errors are means over people and over the
    trials of a family, each weighing the same.

    Args:
        poses: To fit to.
        tested: What of these people is measured.
        trials: What is hidden.
        people: Who is left out in turn.
        count: Windows of each person, view and trial.
        seed: Of what is drawn.
    """
    sums: dict[tuple[str, str], dict[Setting, float]] = {}
    for person in tqdm(people, desc="choose settings, leaving out"):
        fitted = Fitted.to(poses.split([person])[0], seed=seed, quick=True)
        one = tested.split([person])[1]
        for trial in trials:
            if not shows(one, trial):
                continue
            task = hide(draw(one, trial, count=count, seed=seed), trial, seed=seed)
            for name, method in METHODS.items():
                if not method.fits(trial) or len(method.settings) < 2:
                    continue
                found = sums.setdefault((name, family(trial)), dict.fromkeys(method.settings, 0.0))
                for setting in method.settings:
                    found[setting] += _error(task, method, setting, fitted)
    return {key: min(found, key=found.__getitem__) for key, found in sums.items()}


def _error(task: Task, method: Method, setting: Setting, fitted: Mapping[str, Fitted]) -> float:
    completers = {view: method.build(f, setting) for view, f in fitted.items()}
    return macro(errors(task, completers, fallbacks(fitted), framewise=method.framewise)["all"])


def fallbacks(fitted: Mapping[str, Fitted]) -> dict[str, Completer]:
    """Return the Gaussians that answer where others are silent, one a view."""
    return {view: Gaussian(weights=f.numbers["gaussian"]) for view, f in fitted.items()}


def measure(
    task: Task, chosen: Mapping[tuple[str, str], Setting], fitted: Mapping[str, Fitted]
) -> dict[str, dict[str, dict[str, float]]]:
    """Return the errors of every method that takes part; see `errors`."""
    found = {}
    for name, method in METHODS.items():
        if not method.fits(task.trial):
            continue
        setting = chosen.get((name, family(task.trial)), method.settings[0])
        completers = {view: method.build(f, setting) for view, f in fitted.items()}
        found[name] = errors(task, completers, fallbacks(fitted), framewise=method.framewise)
    return found
