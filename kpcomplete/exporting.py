"""Checkpoints as ONNX files."""

import hashlib
from pathlib import Path

from torch import nn

from kpcomplete import checkpoint
from kpcomplete.errors import ModelFileError
from kpcomplete.head import onnx_graphs as of_heads
from kpcomplete.head.several import Several
from kpcomplete.lifter import onnx_graphs as of_lifters
from kpcomplete.lifter.temporal import Temporal as Lifter
from kpcomplete.model import onnx_graphs as of_completers
from kpcomplete.model.temporal import Temporal as Completer
from kpcomplete.onnx_file import About, Graph, write


def export(weights: str | Path, folder: str | Path) -> list[Path]:
    """Write the graphs of a checkpoint, windows and single frames, and return the files.

    Args:
        weights: Path of a checkpoint, or the name of one that comes with kpcomplete.
        folder: Gets ``completer.*.onnx``, ``lifter.*.onnx`` or ``head.*.onnx``, by what it is.

    Raises:
        MissingDependencyError: If the package onnx is not installed.
        ModelFileError: If the checkpoint cannot be read, or holds a network that has no graphs.
        OutputError: If a file cannot be written.
    """
    found = checkpoint.load(checkpoint.find(weights))
    mark = hashlib.sha256(found.path.read_bytes()).hexdigest()
    written = []
    for graph in _graphs(found.build().requires_grad_(False), found.path):
        path = Path(folder) / f"{graph.name}.onnx"
        about = About(
            graph=graph.name, weights=mark, skeleton=found.metadata.skeleton,
            provenance=found.metadata.provenance,
        )  # fmt: skip
        write(graph, path, about)
        written.append(path)
    return written


def _graphs(network: nn.Module, path: Path) -> list[Graph]:
    if isinstance(network, Completer):
        return of_completers.graphs(network, "completer")
    if isinstance(network, Lifter):
        return of_lifters.graphs(network, "lifter")
    if isinstance(network, Several):
        return of_heads.graphs(network, "head")
    raise ModelFileError(
        f"{path} must hold a temporal completer, a temporal lifter or a head to become ONNX, but "
        f"holds {type(network).__name__}"
    )
