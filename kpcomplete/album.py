"""What training material knows of a person beside the window that is looked at."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from kpcomplete.batch import Memory
from kpcomplete.data import PoseSet

_LOOKS = 64  # frames that a memory is made of
_CLIPS = 8  # clips that they are from, at most


@dataclass(kw_only=True)
class Album:
    """Draws memories of people from frames that were taken through the same camera.

    Args:
        poses: All that there is of them.
        device: Where it is kept.
    """

    poses: PoseSet
    device: torch.device | str = "cpu"
    _groups: Tensor = field(init=False, repr=False)  # [clip, most] clips of the same group
    _sizes: Tensor = field(init=False, repr=False)  # [clip] how many these are

    def __post_init__(self) -> None:
        groups: dict[tuple[str, str], list[int]] = {}
        keys = list(zip(self.poses.people, self.poses.own_cameras, strict=True))
        for i, key in enumerate(keys):
            groups.setdefault(key, []).append(i)
        most = max((len(clips) for clips in groups.values()), default=1)
        rows = [(groups[key] * most)[:most] for key in keys]
        self._groups = torch.tensor(rows, device=self.device).view(len(keys), most)
        self._sizes = torch.tensor([len(groups[key]) for key in keys], device=self.device)
        self._clips = self.poses.clips.to(self.device)
        self._keypoints = self.poses.keypoints.to(self.device)

    def draw(self, first: Tensor, last: Tensor, share: float, generator: torch.Generator) -> Memory:
        """Return a memory in pixels for each window, of frames that are not in it.

        Some are of many clips, some of a few frames only, as at the beginning of a ride.

        Args:
            first: ``[B]`` first frames of the windows.
            last: ``[B]`` last frames.
            share: Of the windows that remember anything.
            generator: On the CPU.
        """
        count = len(first)
        draw = torch.rand(4, count, _LOOKS, generator=generator).to(self.device)
        clip = (
            torch.searchsorted(self._clips[:, 0].contiguous(), first.contiguous(), right=True) - 1
        )
        several = 1 + (draw[0, :, :1] * _CLIPS).long()  # clips, at most
        own = (draw[1, :, :_CLIPS] * self._sizes[clip][:, None]).long()  # [B, 8] places in a group
        which = own.gather(1, (draw[2] * several).long())
        clips = self._groups[clip[:, None], which]
        start, length = self._clips[clips].unbind(dim=-1)
        frames = start + (draw[3] * length).long().minimum(length - 1)
        enough = 4 ** (1 + (draw[0, :, 1:2] * 3).long())  # 4, 16 or 64 frames
        use = torch.arange(_LOOKS, device=self.device) < enough
        use &= draw[0, :, 2:3] < share
        use &= (frames < first[:, None]) | (frames > last[:, None])
        points = self._keypoints[frames]
        seen = points.isfinite().all(dim=-1) & use[..., None]
        number = seen.sum(dim=1)
        total = torch.where(seen[..., None], points, 0.0).sum(dim=1)
        return Memory(mean=total / number.clamp_min(1)[..., None], count=number.to(total.dtype))
