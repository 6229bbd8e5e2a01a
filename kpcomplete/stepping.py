"""One run of the training loop, step by step."""

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor
from tqdm import tqdm

from kpcomplete import rank, unfinished
from kpcomplete.averaged import Averaged
from kpcomplete.batch import PoseBatch
from kpcomplete.interruption import Interruption
from kpcomplete.objective import Objective
from kpcomplete.progress import Progress, tensorboard

if TYPE_CHECKING:
    from kpcomplete.trainer import Trainer

_log = logging.getLogger(__name__)


class Material(Protocol):
    """Draws windows to learn from; the generator is on the CPU."""

    def draw(self, size: int, generator: torch.Generator) -> PoseBatch: ...


class Run:
    """Trains an objective's network in place, from its start or from where a run was left.

    Args:
        trainer: How, and how long.
        objective: What is learned.
        data: What from.
        validation: Windows of which figures are reported.
    """

    def __init__(
        self,
        trainer: "Trainer",
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
