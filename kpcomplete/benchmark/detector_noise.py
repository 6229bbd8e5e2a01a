"""Whether simulated errors of the detector are as those measured, and how honest it is."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save

from kpcomplete import staged
from kpcomplete.benchmark.noise_fit import fit
from kpcomplete.benchmark.noise_honesty import honesty, invented, lasting
from kpcomplete.benchmark.noise_ks import by_cause, by_chance, by_part
from kpcomplete.benchmark.noise_loss import compare
from kpcomplete.benchmark.noise_pairs import Pairs, pairs, samples
from kpcomplete.benchmark.noise_plot import plot_noise
from kpcomplete.corruption.mediapipe_noise import MediaPipeNoise
from kpcomplete.corruption.noise_tables import NoiseTables
from kpcomplete.errors import SettingError
from kpcomplete.output import whole

_SHARE = 4  # every fourth ride is tested on
_DRAWS = 8  # of the noise for each scene: it lasts, so that one says little of its distribution


def run(
    *,
    material: Sequence[str | Path],
    output: str | Path | None = None,
    plot: str | Path | None = None,
    compared: bool = False,
    quick: bool = False,
    seed: int = 0,
) -> dict[str, float]:
    """Fit the noise to three rides of four, and compare it with the fourth.

    Args:
        material: Files of ``kpcomplete stage``.
        output: Where the fitted tables go, ``.safetensors``; None: nowhere.
        plot: Picture of simulated and measured distributions, ``.png``; None: none.
        compared: Also print what it is good for to know more than the cause: fits five times more.
        quick: At most 16 scenes.
        seed: Of the noise that is drawn.

    Returns:
        ``ks_max``: largest Kolmogorov-Smirnov distance between simulated and measured values of
        rides that were not fitted to, of distance and of visibility under each cause, all joints
        together; ``ks_joint``: the same joint by joint, the median; ``ks_unknown``: as ``ks_max``,
        where views are not told; ``ks_rides``: as ``ks_max``, between the rides that were fitted to
        and those that were not, all measured; ``ks_chance``: between those that were not and as
        many drawn from them: the most that can be expected of any simulation is to come near this.
        ``visibility_auroc``: how often MediaPipe's visibility of a joint that is seen is above that
        of a hidden one, all in the image. ``invented``: share of hidden joints in the image that it
        is more than half sure of. ``frames``: pictures of one person, ``found``: share of them in
        which it found anything, which all of this is about; ``rides``: how many they are from.

    Raises:
        SettingError: If there are not enough rides.
    """
    scenes = [scene for file in material for scene in staged.read(file)]
    every = [pairs(scene) for scene in (scenes[:16] if quick else scenes)]
    rides = sorted({scene.ride for scene in every})
    order = np.random.default_rng(0).permutation(len(rides))
    tested = {rides[i] for i in order[: len(rides) // _SHARE]}  # cameras come in turn: at random
    parts: tuple[list[Pairs], list[Pairs]] = ([], [])
    for pair in every:
        parts[pair.ride in tested].append(pair)
    if not parts[0] or not parts[1]:
        raise SettingError(
            f"fitting the detector's noise needs at least {_SHARE} rides, but {len(material)} "
            f"files have {len(rides)}; draw more with `kpcomplete stage`"
        )
    packed = _packed(fit(parts[0]))
    tables = NoiseTables(**{name: tensor.float() for name, tensor in packed.items()})  # as read
    if output is not None:
        with whole(output) as temporary:
            Path(temporary).write_bytes(save(packed))
    if compared:
        compare(*parts)
    found = _compared(tables, parts, plot, seed)
    whole_set = samples(every)
    share = float(whole_set.found.any(axis=1).mean())
    frames = float(len(whole_set.found))
    return {**found, **honesty(whole_set), "frames": frames, "found": share,
            "rides": float(len(rides))}  # fmt: skip


def _packed(tables: NoiseTables) -> dict[str, torch.Tensor]:
    """Return what is stored; half a number's digits would do away with visibilities next to 1."""
    found = vars(tables).items()
    return {name: part if name == "confidence" else part.half() for name, part in found}


def _compared(
    tables: NoiseTables, parts: tuple[list[Pairs], list[Pairs]], plot: str | Path | None, seed: int
) -> dict[str, float]:
    """Print how far simulated errors are from measured ones, and draw them."""
    drawn = simulate(tables, parts[1], seed)
    measured, simulated = samples(parts[1]), samples(drawn)
    if plot is not None:
        plot_noise(plot, measured, simulated)
    invented(measured, simulated)
    lasting((measured, parts[1]), (simulated, drawn))
    by_part(measured, simulated)
    floor = by_cause(measured, samples(parts[0]), "fitted rides")["max"]
    chance = by_chance(measured, seed)
    unknown = samples(simulate(tables, parts[1], seed, viewed=False))
    blind = by_cause(measured, unknown, "simulation of unknown views")["max"]
    found = by_cause(measured, simulated, "simulation")
    return {
        "ks_max": found["max"], "ks_joint": found["joint"], "ks_unknown": blind, "ks_rides": floor,
        "ks_chance": chance,
    }  # fmt: skip


def simulate(
    tables: NoiseTables, scenes: Sequence[Pairs], seed: int, viewed: bool = True
) -> list[Pairs]:
    """Return the same scenes several times with drawn errors, where any were measured.

    Args:
        tables: Of the noise.
        scenes: What is to be seen in them.
        seed: Of what is drawn.
        viewed: The noise is told by which camera who is seen.
    """
    noise, drawn = MediaPipeNoise(tables=tables, seed=seed), []
    alike: dict[tuple[int, float], list[Pairs]] = {}
    for scene in scenes:
        alike.setdefault((len(scene.cause), scene.fps), []).append(scene)
    for (frames, fps), some in list(alike.items()) * _DRAWS:
        cause = torch.from_numpy(np.stack([scene.cause for scene in some])).long()
        times = (torch.arange(frames) / fps).expand(len(some), frames)
        view = torch.tensor([scene.view for scene in some]) if viewed else None
        offset, sure = noise.draw(cause, times, view)
        for scene, off, confidence in zip(some, offset.numpy(), sure.numpy(), strict=True):
            off[~scene.found] = np.nan
            drawn.append(replace(scene, offset=off, confidence=confidence))
    return drawn
