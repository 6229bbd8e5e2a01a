"""The training loop."""

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor
from tqdm import tqdm

from kpcomplete import rank, unfinished
from kpcomplete.averaged import Averaged
from kpcomplete.batch import PoseBatch
from kpcomplete.errors import SettingError
from kpcomplete.interruption import Interruption
from kpcomplete.objective import Objective
from kpcomplete.progress import Progress, tensorboard

_log = logging.getLogger(__name__)


class Material(Protocol):
    """Draws windows to learn from; the generator is on the CPU."""

    def draw(self, size: int, generator: torch.Generator) -> PoseBatch: ...


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
        done = _Run(main, objective, data, validation).fit()
        if self.finishing:
            last = replace(self, steps=self.finishing, minutes=None, state=None, tensorboard=None)
            for part in objective.finishing():
                _Run(last, part, data, ()).fit()
            objective.eval()
        return done

    def _pretrained(self, objective: Objective, data: Material) -> "Trainer":
        """Train layer by layer, and return the trainer of the rest."""
        stages = objective.stages()
        part = self.pretraining_share / len(stages)
        stage = replace(self._part(part), state=None, tensorboard=None)
        if not (self.resume and self.state and Path(self.state).exists()):
            for number, layer in enumerate(stages):
                done = _Run(replace(stage, seed=self.seed + number), layer, data, ()).fit()
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


class _Run:
    def __init__(
        self,
        trainer: Trainer,
        objective: Objective,
        data: Material,
        validation: Sequence[PoseBatch],
    ) -> None:
        self.set = trainer
        self.fabric = rank.launch(
            accelerator=trainer.accelerator,
            devices=trainer.devices,
            nodes=trainer.nodes,
            precision=trainer.precision,
        )
        self.objective, self.data, self.validation = objective, data, validation
        optimizer = torch.optim.AdamW(
            objective.groups(), lr=trainer.learning_rate, weight_decay=trainer.weight_decay
        )
        self.wrapped, self.optimizer = self.fabric.setup(objective, optimizer)
        self.averaged = Averaged(objective.network, trainer.average)
        self.done, self.between = Progress(), True  # steps: what is there may be saved
        self.waits = _waits(self.fabric.device)
        self.spoilt = torch.zeros((), dtype=torch.bool, device=self.fabric.device)
        self.writer = tensorboard(trainer.tensorboard) if self.fabric.is_global_zero else None

    def fit(self) -> Progress:
        if self.set.resume and self.set.state and Path(self.set.state).exists():
            self._restore(self.set.state)
        started = time.monotonic() - self.done.seconds
        bar = tqdm(
            total=self.set.steps, initial=self.done.step, unit="step", mininterval=1.0,
            disable=not self.set.progress or not self.fabric.is_global_zero,
        )  # fmt: skip
        try:
            with Interruption() as stop:
                while self.set.share(self.done.step, self.done.seconds) < 1:
                    figures = self._step()
                    self.done.step += 1
                    self.between = True
                    seconds = time.monotonic() - started
                    self.done.seconds, asked = rank.agree(self.fabric, seconds, stop.asked)
                    bar.update()
                    self._after(figures, bar)
                    if asked:
                        raise KeyboardInterrupt
        except KeyboardInterrupt:
            if self.between:
                self._save()
            raise
        finally:
            bar.close()
            if self.writer:
                self.writer.close()
        self._check()
        self.averaged.settle()
        self._save()
        self.objective.eval()
        return self.done

    def _step(self) -> dict[str, Tensor]:
        step = self.done.step
        self.objective.advance(self.set.share(step, self.done.seconds))
        self.objective.train()
        for group in self.optimizer.param_groups:
            group["lr"] = group["share"] * self.set.rate(step, self.done.seconds)
        self.optimizer.zero_grad()
        parts = [self._part(number) for number in range(self.set.accumulate)]
        self.between = False
        self.fabric.clip_gradients(
            self.wrapped, self.optimizer, max_norm=self.set.clip, error_if_nonfinite=self.waits
        )
        self.optimizer.step()
        self.averaged.add(step)
        return {name: torch.stack([part[name] for part in parts]).mean(0) for name in parts[0]}

    def _part(self, number: int) -> dict[str, Tensor]:
        """Add the gradient of one part of a step, and return its figures."""
        step, count = self.done.step, self.set.accumulate
        part = self.fabric.global_rank * count + number
        seed = (self.set.seed * 1_000_003 + step * self.fabric.world_size * count + part) % 2**63
        torch.manual_seed(seed)  # dropout
        self.objective.reseed(seed)
        clean = self.data.draw(self.set.batch_size, torch.Generator().manual_seed(seed))
        with self.fabric.no_backward_sync(self.wrapped, enabled=number + 1 < count):
            figures: dict[str, Tensor] = self.wrapped(clean.to(self.fabric.device))
            self.spoilt |= ~torch.isfinite(figures["loss"].detach())
            if self.waits:
                self._check(step)
            self.fabric.backward(figures["loss"] / count)
        return {name: value.detach() for name, value in figures.items()}

    def _check(self, step: int | None = None) -> None:
        if self.spoilt:
            which = f"step {self.done.step - 1} or one before" if step is None else f"step {step}"
            raise FloatingPointError(f"the loss of {which} is not finite")

    def _after(self, figures: Mapping[str, Tensor], bar: "tqdm[Any]") -> None:
        step = self.done.step
        if step % self.set.report_every == 0 or step == self.set.steps:
            self._check()
            entry = {"step": float(step), "seconds": self.done.seconds}
            entry |= {name: rank.mean(self.fabric, value) for name, value in figures.items()}
            entry |= self._validate()
            self.done.history.append(entry)
            bar.set_postfix({k: f"{v:.4f}" for k, v in entry.items() if "error" in k})
            for name, value in entry.items() if self.writer else ():
                assert self.writer is not None
                self.writer.add_scalar(name, value, step)
        if step % self.set.save_every == 0:
            self._save()

    @torch.no_grad()
    def _validate(self) -> dict[str, float]:
        """Return the mean figures of the averaged weights on held-out windows."""
        if not self.validation:
            return {}
        self.between = False
        self.objective.eval()
        sums: dict[str, float] = {}
        with self.averaged.lent():
            for i, clean in enumerate(self.validation):
                self.objective.reseed(i)
                for name, value in self.objective(clean.to(self.fabric.device)).items():
                    sums[name] = sums.get(name, 0.0) + float(value) / len(self.validation)
        self.between = True
        return {f"validation_{name}": value for name, value in sums.items()}

    def _save(self) -> None:
        if self.set.state and self.fabric.is_global_zero:
            self._check()
            unfinished.save(
                self.set.state, self.objective.network, self.averaged.values, self.optimizer,
                vars(self.done),
            )  # fmt: skip

    def _restore(self, path: str) -> None:
        averaged, progress = unfinished.load(path, self.objective.network, self.optimizer)
        self.averaged.restore(averaged)
        self.done = Progress(**progress)
        _log.info("going on from step %d of %s", self.done.step, path)


def _waits(device: torch.device) -> bool:
    """Return whether every loss is looked at: a GPU would have to stop for it."""
    return device.type == "cpu"
