"""One of several processes that train together."""

import os
import sys
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from torch import Tensor

from kpcomplete.errors import SettingError


def device(accelerator: str) -> torch.device:
    """Return where a process trains; ``auto``: on a GPU where there is one, else on the CPU."""
    if accelerator in ("cuda", "gpu") or (accelerator == "auto" and torch.cuda.is_available()):
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    return torch.device("cpu" if accelerator == "auto" else accelerator)


def launch(*, accelerator: str, devices: int, nodes: int, precision: Any) -> Fabric:
    """Return Lightning Fabric, launched; several devices train data-parallel.

    Args:
        accelerator: ``cpu``, ``cuda``, ``auto`` (see `device`), ...
        devices: Processes of this machine, one a device.
        nodes: Machines.
        precision: ``32-true``, ``bf16-mixed``, ...

    Raises:
        SettingError: If not as many processes were started as there are to be.
    """
    several = devices * nodes > 1
    started = int(os.environ.get("WORLD_SIZE", 1))
    if torch.distributed.is_torchelastic_launched() and started != devices * nodes:
        raise SettingError(
            f"torchrun started {started} processes, but devices={devices} and nodes={nodes} make "
            f"{devices * nodes}: set trainer.devices to what --nproc_per_node is"
        )
    made = Fabric(
        accelerator=device(accelerator).type,
        devices=devices,
        num_nodes=nodes,
        precision=precision,
        # causal batches leave the branch that looks ahead without a gradient
        strategy=DDPStrategy(find_unused_parameters=True) if several else "auto",
    )
    environment = getattr(made.strategy, "cluster_environment", None)
    external = environment is None or environment.creates_processes_externally
    if several and not (external or Path(sys.argv[0]).is_file()):  # Fabric would run that file
        raise SettingError(
            f"{devices * nodes} processes must be started by torchrun, with as many: torchrun "
            f"--nproc_per_node={devices} tools/train.py ... trainer.devices={devices}"
        )
    made.launch()
    return made


def agree(fabric: Fabric, seconds: float, asked: bool) -> tuple[float, bool]:
    """Return the first process's clock, and whether any process is asked to stop."""
    if fabric.world_size == 1:
        return seconds, asked
    mine = torch.tensor([seconds * fabric.is_global_zero, asked], dtype=torch.float64)
    told: Tensor = fabric.all_reduce(mine.to(fabric.device), reduce_op="sum")
    return float(told[0]), bool(told[1] > 0)


def mean(fabric: Fabric, value: Tensor) -> float:
    """Return the mean of a figure over all processes."""
    return float(fabric.all_reduce(value, reduce_op="mean"))


def leads() -> bool:
    """Whether this is the process that writes files: the first of several, or the only one."""
    several = torch.distributed.is_available() and torch.distributed.is_initialized()
    return not several or torch.distributed.get_rank() == 0
