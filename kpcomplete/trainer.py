"""The training loop."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kpcomplete.batch import PoseBatch
from kpcomplete.errors import SettingError
from kpcomplete.objective import Objective
from kpcomplete.progress import Progress
from kpcomplete.stepping import Material, Run

_log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Trainer:
    """Trains any objective: AdamW, warm-up and cosine, clipped gradients, averaged weights.

    Every part of a step draws from its own seed, so a run that was interrupted and resumed sees
    the same material as one that was not, and one with ``devices=2`` the same as one with
    ``accumulate=2``. SIGINT and SIGTERM end a run between two steps.

    Args:
        steps: Steps of the whole run.
        minutes: Stop earlier, after this long; the learning rate follows. None for no limit.
        batch_size: Windows of one part of a step.
        accumulate: Parts of a step that each device works off one after the other.
        learning_rate: At its highest.
        weight_decay: Of AdamW.
        warmup: Steps until the learning rate is at its highest.
        clip: Largest norm of the gradient.
        average: Share of the averaged weights that one step keeps; 0 averages nothing.
        pretraining: ``greedy`` first trains stacked networks layer by layer; None does not.
        pretraining_share: Of steps and minutes, that goes into it; all layers get the same.
        finishing: Steps at the end, in which an objective learns parts of it by themselves.
        seed: Same seed, same run (on the same device, without ``minutes``).
        accelerator: Of Lightning Fabric: ``cpu``, ``cuda``; ``auto``: a GPU if there is one.
        devices: How many on this machine; several train data-parallel, and torchrun starts them.
        nodes: How many machines do so.
        precision: Of Lightning Fabric: ``32-true``, ``bf16-mixed``, ``16-mixed``, ...
        report_every: Steps between entries of the history.
        state: File that keeps an unfinished run; None keeps none.
        save_every: Steps between writings of ``state``; also written when interrupted.
        resume: Go on from ``state`` if it is there.
        tensorboard: Folder for TensorBoard, which must be installed; None for no logging.
        progress: Show a progress bar.
    """

    steps: int
    minutes: float | None = None
    batch_size: int = 32
    accumulate: int = 1
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    warmup: int = 200
    clip: float = 1.0
    average: float = 0.999
    pretraining: str | None = None
    pretraining_share: float = 0.3
    finishing: int = 0
    seed: int = 0
    accelerator: str = "cpu"
    devices: int = 1
    nodes: int = 1
    precision: Any = "32-true"
    report_every: int = 500
    state: str | None = None
    save_every: int = 1000
    resume: bool = False
    tensorboard: str | None = None
    progress: bool = True

    def __post_init__(self) -> None:
        if self.pretraining not in (None, "greedy"):
            raise SettingError(f"pretraining must be greedy or null, but got {self.pretraining!r}")
        several = self.devices * self.nodes > 1
        if self.pretraining and (several or not 0 < self.pretraining_share < 1):
            raise SettingError(
                "greedy pretraining runs on one device, for a share of the training between 0 and "
                f"1, but got devices={self.devices}, pretraining_share={self.pretraining_share}"
            )

    def fit(
        self, objective: Objective, data: Material, validation: Sequence[PoseBatch] = ()
    ) -> Progress:
        """Train the objective's network in place; it ends with the averaged weights.

        Raises:
            FloatingPointError: If the loss is not finite; names the step. No GPU is kept waiting
                for that: there it is found when figures are reported or the state is written.
            KeyboardInterrupt: If a signal asked to stop; ``state`` is written before.
            ModelFileError: If ``state`` is of another network.
            MissingDependencyError: If TensorBoard is asked for and not installed.
            SettingError: If the network cannot be trained layer by layer and should be, or if
                there should be several processes and nothing started them.
        """
        main = self._pretrained(objective, data) if self.pretraining else self
        done = Run(main, objective, data, validation).fit()
        if self.finishing:
            last = replace(self, steps=self.finishing, minutes=None, state=None, tensorboard=None)
            for part in objective.finishing():
                Run(last, part, data, ()).fit()
            objective.eval()
        return done

    def _pretrained(self, objective: Objective, data: Material) -> "Trainer":
        """Train layer by layer, and return the trainer of the rest."""
        stages = objective.stages()
        part = self.pretraining_share / len(stages)
        stage = replace(self._part(part), state=None, tensorboard=None)
        if not (self.resume and self.state and Path(self.state).exists()):
            for number, layer in enumerate(stages):
                done = Run(replace(stage, seed=self.seed + number), layer, data, ()).fit()
                _log.info("pretrained layer %d: %s", number, done.history[-1:])
        return self._part(1 - self.pretraining_share)

    def _part(self, share: float) -> "Trainer":
        """Return the trainer of a share of the run, without pretraining."""
        minutes = self.minutes and self.minutes * share
        steps = max(round(self.steps * share), 1)
        return replace(self, steps=steps, minutes=minutes, pretraining=None)

    def rate(self, step: int, seconds: float) -> float:
        """Return the learning rate of a step."""
        warm = min(1.0, (step + 1) / max(self.warmup, 1))
        return self.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * self.share(step, seconds)))

    @property
    def windows(self) -> int:
        """How many a step learns from, over all devices."""
        return self.batch_size * self.accumulate * self.devices * self.nodes

    def share(self, step: int, seconds: float) -> float:
        """Return how much of the run is done, 0..1."""
        timed = seconds / (60 * self.minutes) if self.minutes else 0.0
        return min(1.0, max(step / max(self.steps, 1), timed))
