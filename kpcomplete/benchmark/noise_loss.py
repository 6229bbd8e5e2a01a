"""What it is good for to know more than the cause of a detector's errors."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import ndtr, ndtri

from kpcomplete.benchmark.noise_fit import KNOWN, fit
from kpcomplete.benchmark.noise_pairs import Pairs, Samples, samples
from kpcomplete.corruption.noise_tables import CAUSES, NoiseTables
from kpcomplete.pose import Array

_LEVELS = (np.arange(19) + 1) / 20  # of the quantiles that are told
_MOST = 100_000  # samples
_ROW = "{:<24}" + " {:>15}" * (len(CAUSES) + 1)


def compare(fitted: Sequence[Pairs], tested: Sequence[Pairs]) -> None:
    """Print the loss of quantiles that are told for rides that were not fitted to.

    It is the pinball loss, of the logarithm of the distance and of visibility, in percent less than
    that of tables that know the cause only.
    """
    data = samples(tested)
    known: dict[str, tuple[str, ...]] = {"with all": KNOWN}
    known |= {f"without {name}": tuple(n for n in KNOWN if n != name) for name in KNOWN}
    plain = losses(fit(fitted, ()), data)
    print(_ROW.format("loss saved, %", *CAUSES, "all"))
    for name, some in known.items():
        saved = 100 * (1 - losses(fit(fitted, some), data) / plain)
        print(_ROW.format(name, *(f"{far:.1f} / {sure:.1f}" for far, sure in saved)))


def losses(tables: NoiseTables, data: Samples) -> Array:
    """Return the mean pinball losses ``[6, 2]`` of distance and visibility, by cause and of all."""
    some = slice(None, None, max(1, len(data.joint) // _MOST))
    joint, cause = data.joint[some], data.cause[some]
    parts = ((tables.hidden, data.degree), (tables.cut, data.cut), (tables.view, data.view))
    shift = sum((t.numpy()[:, joint, cause, level[some]] for t, level in parts), np.zeros(1))
    score = shift[..., None] + tables.spread.numpy()[:, joint, cause, None] * ndtri(_LEVELS)
    values = (np.log(data.far[some] + 1e-3), data.sure[some])
    whole = []
    for row, (value, table) in enumerate(zip(values, (tables.distance, tables.confidence),
                                             strict=True)):  # fmt: skip
        told = _look_up(table, joint, cause, score[row])
        miss = value[:, None] - (np.log(told + 1e-3) if row == 0 else told)
        loss = np.maximum(_LEVELS * miss, (_LEVELS - 1) * miss).mean(axis=-1)
        by_cause = [loss[cause == what].mean() if (cause == what).any() else np.nan
                    for what in range(len(CAUSES))]  # fmt: skip
        whole.append([*by_cause, loss.mean()])
    return np.array(whole).T


def _look_up(table: torch.Tensor, joint: Array, cause: Array, score: Array) -> Array:
    """Return values ``[N, L]`` at normal scores."""
    place = ndtr(score) * (table.shape[-1] - 1)
    low = np.minimum(place.astype(int), table.shape[-1] - 2)
    rows, share = table.numpy(), place - low
    first = rows[joint[:, None], cause[:, None], low]
    return np.asarray(first + share * (rows[joint[:, None], cause[:, None], low + 1] - first))
