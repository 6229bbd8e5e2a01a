"""How the gate learns."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from kpcomplete import checkpoint, metric, staged
from kpcomplete.checkpoint import Metadata
from kpcomplete.errors import SettingError
from kpcomplete.gate.doubt import Doubt
from kpcomplete.gate.signs import layout
from kpcomplete.gate.watch import mirrored, placed
from kpcomplete.staged import GOOD, INVENTED, Scene

_log = logging.getLogger(__name__)


class Examples(NamedTuple):
    """Reported joints that are clearly right or clearly wrong.

    Attributes:
        signs: ``[N, F]``.
        joint: ``[N]`` which joint.
        invented: ``[N]`` 1 where it is not there.
    """

    signs: Tensor
    joint: Tensor
    invented: Tensor


def fit(
    *,
    material: str | Path | Sequence[str | Path],
    output: str | Path,
    held_out: int = 0,
    gaussian: str | Path = "gaussian",
    steps: int = 800,
    batch_size: int = 2048,
    rate: float = 5e-3,
    decay: float = 0.3,
    seed: int = 0,
    provenance: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Learn which joints are invented, and write the gate.

    Args:
        material: File of ``kpcomplete stage``, or several.
        output: Checkpoint to write, in half precision.
        held_out: The last so many rides are not learned from, but measured.
        gaussian: The mixture that says where joints must be.
        steps: Of the optimiser.
        batch_size: Joints a step.
        rate: Of learning, at its highest.
        decay: Of weights; there are many frames, but few people.
        seed: Same seed, same gate.
        provenance: What else the checkpoint should say about itself.

    Returns:
        What the checkpoint says about itself.

    Raises:
        SettingError: If nobody is left to learn from.
    """
    files = [material] if isinstance(material, str | Path) else material
    scenes = [scene for file in files for scene in staged.read(file)]
    train, test = split(scenes, held_out)
    torch.manual_seed(seed)
    network = Doubt()
    known = checkpoint.load(checkpoint.find(gaussian)).tensors
    network.adopt(known["weight"], known["mean"].float(), known["factor"])
    examples = gather(network, train)
    network.middle.copy_(examples.signs.mean(dim=0))
    network.spread.copy_(examples.signs.std(dim=0).clamp_min(1e-3))
    _learn(network, examples, steps, batch_size, rate, decay)
    network.eval()
    record = {
        "people": sorted(scene.person for scene in train),
        "held_out": sorted(scene.person for scene in test),
        "auroc": auroc(network, test) if test else None,
        "examples": len(examples.joint),
        "invented": float(examples.invented.mean()),
        "steps": steps,
        "seed": seed,
        "versions": checkpoint.versions(),
        **(provenance or {}),
    }
    tensors = {name: value.half() for name, value in network.state_dict().items()}
    checkpoint.save(output, tensors, Metadata.of(network, record))
    _log.info("wrote %s; AUROC of people held out: %s", output, record["auroc"])
    return record


def split(scenes: Sequence[Scene], held_out: int) -> tuple[list[Scene], list[Scene]]:
    """Return the scenes without those of the last rides, and those."""
    rides = list(dict.fromkeys(_ride(scene) for scene in scenes))
    last = set(rides[len(rides) - held_out :])
    if not 0 <= held_out < len(rides):
        raise SettingError(f"held_out must leave some of {len(rides)} rides, but is {held_out}")
    return [s for s in scenes if _ride(s) not in last], [s for s in scenes if _ride(s) in last]


def _ride(scene: Scene) -> str:
    return scene.person.rpartition("_")[0]


@torch.no_grad()
def gather(network: Doubt, scenes: Sequence[Scene], mirror: bool = True) -> Examples:
    """Return the reported joints of scenes, of all frames, and as in a mirror."""
    found = []
    for scene in scenes:
        error = torch.from_numpy(scene.errors())[None]
        batch, edges = placed([scene.poses()])
        clear = batch.observed & ((error < GOOD) | (error > INVENTED))
        other = layout().mirror
        views = [(batch, edges, error, clear)]
        if mirror:
            views.append((*mirrored(batch, edges, other), error[..., other], clear[..., other]))
        for view, limits, off, use in views:
            joint = torch.arange(off.shape[-1]).expand_as(off)
            found.append((network.signs(view, limits)[use], joint[use], (off > INVENTED)[use]))
    signs, joint, invented = (torch.cat(parts) for parts in zip(*found, strict=True))
    return Examples(signs, joint, invented.float())


def auroc(network: Doubt, scenes: Sequence[Scene]) -> float:
    """Return how well a network tells invented joints of scenes from good ones."""
    examples = gather(network, scenes, mirror=False)
    with torch.no_grad():
        logits = network.weigh(examples.signs, examples.joint)
    return metric.auroc(logits.numpy(), examples.invented.numpy() > 0)


def _learn(
    network: Doubt, examples: Examples, steps: int, batch_size: int, rate: float, decay: float
) -> None:
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    network.train()
    for step in range(steps):
        rows = torch.randint(len(examples.joint), (batch_size,))
        logits = network.weigh(examples.signs[rows], examples.joint[rows])
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, examples.invented[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if step % 500 == 0:
            _log.info("step %d: %.4f", step, loss.item())
