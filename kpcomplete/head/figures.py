"""What a head says of many windows, and how right it is."""

import numpy as np
import torch
from sklearn.metrics import f1_score
from torch import Tensor

from kpcomplete import metric
from kpcomplete.data.labelled import NONE, LabelledBatch
from kpcomplete.head.several import Several

_PIECE = 512  # windows at a time


def figures(network: Several, batch: LabelledBatch) -> dict[str, dict[str, float]]:
    """Return macro-F1, accuracy, AUROC (classes against the rest) and calibration error."""
    return {
        task: scores(values[:, :-1].numpy(), batch.targets[task].numpy())
        for task, values in probabilities(network, batch).items()
    }


def scores(probability: metric.Array, target: metric.Array) -> dict[str, float]:
    """Return the figures of one task.

    Args:
        probability: ``[N, C]``; zeros where nothing is said, which counts as wrong.
        target: ``[N]``, `NONE` where not known.
    """
    known = target != NONE
    if not known.any():
        return {}
    probability, target = probability[known], target[known]
    guess = np.where(probability.sum(axis=1) > 0, probability.argmax(axis=1), NONE)
    present = np.unique(target)
    auroc = [metric.auroc(probability[:, c], target == c) for c in present]
    return {
        "macro_f1": float(
            f1_score(target, guess, labels=present, average="macro", zero_division=0)
        ),
        "accuracy": float((guess == target).mean()),
        "auroc": float(np.mean(auroc)),
        "calibration_error": metric.calibration_error(probability.max(axis=1), guess == target),
    }


@torch.inference_mode()
def probabilities(network: Several, batch: LabelledBatch) -> dict[str, Tensor]:
    """Return task to probabilities ``[N, C + 1]`` of many windows."""
    parts = [network.probabilities(batch.select(rows)) for rows in _slices(len(batch))]
    return {task: torch.cat([part[task] for part in parts]) for task in network.tasks}


@torch.inference_mode()
def features(network: Several, batch: LabelledBatch) -> Tensor:
    """Return the features ``[N, F]`` of many windows."""
    return torch.cat([network.features(batch.select(rows)) for rows in _slices(len(batch))])


def _slices(count: int) -> list[slice]:
    return [slice(i, i + _PIECE) for i in range(0, max(count, 1), _PIECE)]
