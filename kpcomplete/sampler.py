"""Windows drawn at random from training material, on the device that trains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from kpcomplete.batch import PoseBatch
from kpcomplete.data import PoseSet
from kpcomplete.errors import SettingError


@dataclass(kw_only=True)
class Sampler:
    """Draws windows of several sets, so that small sets need not drown in large ones.

    Poses are tiny: all of them live on the device, and so do the draws.

    Args:
        sets: Name to poses.
        shares: Name to share of the windows drawn, up to a common factor; by default as many
            as there are frames.
        length: Frames of a window; shorter clips are left out.
        steps: Frames from one to the next within a window, equally likely: 2 halves the frame
            rate, for recordings slower than the material.

    Raises:
        SettingError: If shares name other sets than there are, or no clip is long enough.
    """

    sets: Mapping[str, PoseSet]
    shares: Mapping[str, float] | None = None
    length: int = 128
    steps: Sequence[int] = (1,)
    device: torch.device | str = "cpu"
    _keypoints: dict[str, Tensor] = field(init=False, repr=False)
    _starts: dict[tuple[str, int], Tensor] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.shares is not None and set(self.shares) != set(self.sets):
            raise SettingError(
                f"shares must name the sets {sorted(self.sets)}, but name {sorted(self.shares)}"
            )
        self._keypoints = {name: s.keypoints.to(self.device) for name, s in self.sets.items()}
        self._starts = {
            (name, step): s.starts((self.length - 1) * step + 1, 1).to(self.device)
            for name, s in self.sets.items()
            for step in self.steps
        }
        short = [key for key, starts in self._starts.items() if not len(starts)]
        if short or not self.sets:
            raise SettingError(
                f"windows of {self.length} frames fit in no clip of {short or 'no set at all'} "
                "(set, frames from one to the next)"
            )

    def draw(self, size: int, generator: torch.Generator) -> PoseBatch:
        """Return ``size`` windows in pixels; the generator is on the CPU."""
        names = list(self.sets)
        step = self.steps[int(torch.randint(len(self.steps), (1,), generator=generator))]
        chosen = torch.multinomial(self._weights(names), size, True, generator=generator)
        batches = []
        for i, count in enumerate(torch.bincount(chosen, minlength=len(names)).tolist()):
            starts = self._starts[names[i], step]
            rows = torch.randint(len(starts), (count,), generator=generator).to(self.device)
            frames = starts[rows][:, None] + step * torch.arange(self.length, device=self.device)
            fps = self.sets[names[i]].fps / step
            batches.append(PoseBatch.from_keypoints(self._keypoints[names[i]][frames], fps=fps))
        return PoseBatch.concatenate([b for b in batches if len(b)])

    def _weights(self, names: list[str]) -> Tensor:
        if self.shares is not None:
            return torch.tensor([float(self.shares[name]) for name in names])
        return torch.tensor([float(len(self.sets[name].keypoints)) for name in names])
