"""Learn classes from some labels, and from windows without."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from kpcomplete import normalize
from kpcomplete.batch import PoseBatch
from kpcomplete.corruption import Corruption
from kpcomplete.corruption.seeded import reseed_all
from kpcomplete.data.labelled import NONE, LabelledBatch
from kpcomplete.errors import SettingError
from kpcomplete.head.scaling import scale
from kpcomplete.head.several import Several
from kpcomplete.objective import Objective

WHOLE = ("none", "all")


class Classify(Objective):
    """Cross entropy of each task, and what else the windows can teach.

    Args:
        model: What is trained.
        corruption: How joints get lost, drawn anew for each window, in body units.
        trained: Parts of the encoder that learn: ``none``, ``all``, or beginnings of names of its
            parameters, the last blocks for instance.
        decay: Learning rate of the first part of the encoder, as a share of the head's; those
            between follow a geometric series, in the order in which the parts are built.
        reconstruction: Weight λ of the encoder's own loss on the same windows.
        consistency: Weight of FixMatch (Sohn et al. 2020, arXiv 2001.07685): where the classes of
            a window without a label are certain, another mask of it must lead to the same.
        certain: Probability from which a class counts as certain.
        heavy: The other, heavier corruption of FixMatch.

    Raises:
        SettingError: If ``trained`` names no part of the encoder, or FixMatch has no heavier
            corruption.
    """

    def __init__(
        self,
        *,
        model: Several,
        corruption: Corruption | None = None,
        trained: str | Sequence[str] = "none",
        decay: float = 1.0,
        reconstruction: float = 0.0,
        consistency: float = 0.0,
        certain: float = 0.95,
        heavy: Corruption | None = None,
    ) -> None:
        super().__init__()
        if consistency and heavy is None:
            raise SettingError("consistency needs a heavier corruption: set heavy")
        self.network: Several = model
        self.corruption, self.heavy = corruption, heavy
        self.decay = decay
        self.reconstruction, self.consistency, self.certain = reconstruction, consistency, certain
        _train_only(model.encoder, trained)

    def prepare(self, clean: PoseBatch) -> None:
        with torch.no_grad():
            self.network.standardise(self.network.features(clean))

    def reseed(self, step: int) -> None:
        reseed_all([c for c in (self.corruption, self.heavy) if c is not None], step)

    def rates(self) -> Mapping[str, float]:
        """Return parameter name to share of the learning rate."""
        names = [name for name, p in self.network.encoder.named_parameters() if p.requires_grad]
        parts = list(dict.fromkeys(_part(name) for name in names))
        steps = max(len(parts), 1)
        share = {part: self.decay ** (1 - i / steps) for i, part in enumerate(parts)}
        return {f"network.encoder.{name}": share[_part(name)] for name in names}

    def forward(self, clean: PoseBatch) -> dict[str, Tensor]:
        """Return ``loss``, and ``error``, the share of labelled windows that are wrong."""
        if not isinstance(clean, LabelledBatch):
            raise SettingError("classes are learned from labelled windows, but got none")
        seen = self._corrupted(clean, self.corruption)
        logits = self.network(seen)
        loss, wrong, count = _zero(logits), _zero(logits), 0
        for task, values in logits.items():
            target = clean.targets[task]
            known = target != NONE
            if known.any():
                loss = loss + nn.functional.cross_entropy(values[known], target[known])
                wrong = wrong + (values[known].argmax(dim=1) != target[known]).float().mean()
                count += 1
        figures = {"error": (wrong / max(count, 1)).detach()}
        if self.training and self.reconstruction:
            body = normalize.fit(clean).into_body(clean)
            hidden = normalize.fit(seen).into_body(seen)
            own = self.network.encoder.loss(hidden, body, causal=True)
            loss = loss + self.reconstruction * own["loss"]
        if self.training and self.consistency:
            loss = loss + self.consistency * self._agreement(clean, logits)
        return {"loss": loss, **figures}

    def calibrate(self, clean: PoseBatch) -> dict[str, float]:
        """Make probabilities true, see `kpcomplete.head.scaling`."""
        if not isinstance(clean, LabelledBatch):
            raise SettingError("temperatures are found on labelled windows, but got none")
        with torch.no_grad():
            logits = self.network(clean)
        return scale(self.network, logits, clean.targets)

    def _agreement(self, clean: LabelledBatch, weak: Mapping[str, Tensor]) -> Tensor:
        strong = self.network(self._corrupted(clean, self.heavy))
        loss = _zero(strong)
        for task, values in strong.items():
            sure, guess = weak[task].detach().softmax(dim=1).max(dim=1)
            use = (sure >= self.certain) & (clean.targets[task] == NONE)
            each = nn.functional.cross_entropy(values, guess, reduction="none")
            loss = loss + (each * use).mean()
        return loss

    def _corrupted(self, clean: PoseBatch, corruption: Corruption | None) -> PoseBatch:
        """Return windows with joints lost."""
        if corruption is None or not self.training:
            return clean
        placement = normalize.fit(clean)
        return placement.into_pixels(corruption(_plain(placement.into_body(clean))))


def _plain(batch: PoseBatch) -> PoseBatch:
    return PoseBatch(keypoints=batch.keypoints, confidence=batch.confidence,
                     observed=batch.observed, times=batch.times)  # fmt: skip


def _train_only(encoder: nn.Module, trained: str | Sequence[str]) -> None:
    names = [name for name, _ in encoder.named_parameters()]
    starts = [""] if trained == "all" else [] if trained == "none" else list(trained)
    if isinstance(trained, str) and trained not in WHOLE:
        starts = [trained]
    unknown = [s for s in starts if not any(name.startswith(s) for name in names)]
    if unknown:
        parts = sorted({_part(name) for name in names})
        raise SettingError(f"the encoder has no part {unknown[0]!r}; it has {', '.join(parts)}")
    for name, parameter in encoder.named_parameters():
        parameter.requires_grad_(any(name.startswith(s) for s in starts))


def _part(name: str) -> str:
    words = name.split(".")
    return ".".join(words[:2]) if len(words) > 1 and words[1].isdigit() else words[0]


def _zero(logits: Mapping[str, Tensor]) -> Tensor:
    return next(iter(logits.values())).new_zeros(())
