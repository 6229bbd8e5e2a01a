"""Networks as ONNX files: written from torch, run by ONNX Runtime."""

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from kpcomplete.errors import MissingDependencyError, ModelFileError
from kpcomplete.output import whole
from kpcomplete.pose import Array
from kpcomplete.skeleton import CANONICAL, Skeleton

OPSET = 17
_KEY = "kpcomplete"  # of the JSON text among the file's properties
_FORMAT = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """A part of a network with the tensors it takes and gives.

    Attributes:
        name: What it is, e.g. ``completer.causal``: the file is called so.
        module: Takes tensors in order, and returns some.
        inputs: Name to an example.
        outputs: Names.
        axes: Name of an input or output to its axes of any length: number to name.
    """

    name: str
    module: nn.Module
    inputs: Mapping[str, Tensor]
    outputs: Sequence[str]
    axes: Mapping[str, Mapping[int, str]]


@dataclass(frozen=True, kw_only=True)
class About:
    """What a file says of itself; stored as JSON among its properties.

    Attributes:
        graph: `Graph.name`.
        weights: SHA-256 of the checkpoint that it was made from.
        skeleton: The joints, in their order.
        provenance: Of the checkpoint.
    """

    graph: str
    weights: str
    skeleton: Skeleton = field(default_factory=lambda: Skeleton.load(CANONICAL))
    provenance: Mapping[str, Any] = field(default_factory=dict)


@torch.no_grad()
def write(graph: Graph, path: Path, about: About) -> None:
    """Write a graph as an ONNX file, whole or not at all.

    Raises:
        MissingDependencyError: If the package onnx is not installed.
        OutputError: If the file cannot be written.
    """
    try:
        import onnx
    except ImportError as error:
        raise _missing("writing ONNX files", "onnx") from error
    graph.module.eval()
    graph.module(*graph.inputs.values())  # so that nothing is remembered from the tracing
    _teach()
    with whole(path) as part, warnings.catch_warnings():
        # sizes that the tracer takes for constants are: the skeleton's. Others have their axes.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph.module,
            tuple(graph.inputs.values()),
            str(part),
            dynamo=False,  # the other exporter takes a minute a network
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_axes={name: dict(axes) for name, axes in graph.axes.items()},
            opset_version=OPSET,
        )
        made = onnx.load(str(part))
        text = {
            "format": _FORMAT, "graph": about.graph, "weights": about.weights,
            "skeleton": about.skeleton.as_dict(), "provenance": dict(about.provenance),
        }  # fmt: skip
        onnx.helper.set_model_props(made, {_KEY: json.dumps(text, allow_nan=False)})
        made.producer_name = _KEY
        onnx.checker.check_model(made)
        onnx.save(made, str(part))


class Session:
    """An ONNX file that is run, on as many threads as torch has.

    Args:
        path: Of a file that `write` wrote.
        graph: Name that the graph must have.
        weights: SHA-256 of the checkpoint that it must be made from; None: of any.

    Attributes:
        about: What the file says of itself.

    Raises:
        MissingDependencyError: If the package onnxruntime is not installed.
        ModelFileError: If there is no such file, or it holds something else.
    """

    def __init__(self, path: Path, *, graph: str, weights: str | None = None) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise _missing("running ONNX files", "onnxruntime") from error
        if not path.is_file():
            raise ModelFileError(
                f"expected an exported model at {path}, but there is no such file; write it with: "
                f"kpcomplete export-model"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its own errors have no common base
            raise ModelFileError(f"{path} must be an ONNX model, but is none: {error}") from error
        self.about = _about(path, self._session.get_modelmeta().custom_metadata_map.get(_KEY))
        if self.about.graph != graph:
            raise ModelFileError(f"{path} must hold {graph}, but holds {self.about.graph}")
        if weights is not None and self.about.weights != weights:
            raise ModelFileError(
                f"{path} must be made from the weights in use, SHA-256 {weights[:12]}…, but was "
                f"made from {self.about.weights[:12]}…; write it anew with: kpcomplete export-model"
            )

    def __call__(self, **inputs: Tensor | Array) -> list[Array]:
        """Return the outputs in order."""
        plain = {
            name: value.numpy() if isinstance(value, Tensor) else value
            for name, value in inputs.items()
        }
        out: list[Array] = self._session.run(None, plain)
        return out


def open_all(folder: str | Path, weights: Path, names: Sequence[str]) -> list[Session]:
    """Open graphs that ``kpcomplete export-model`` made of a checkpoint.

    Args:
        folder: Of the graphs.
        weights: The checkpoint.
        names: Of the graphs.

    Raises:
        MissingDependencyError: If ONNX Runtime is not installed.
        ModelFileError: If a file is missing, is none, or was made of other weights.
    """
    mark = hashlib.sha256(weights.read_bytes()).hexdigest()
    return [Session(Path(folder) / f"{name}.onnx", graph=name, weights=mark) for name in names]


def _about(path: Path, text: str | None) -> About:
    try:
        values = json.loads(text or "")
        if values["format"] != _FORMAT:
            raise ValueError(f"format {values['format']}, expected {_FORMAT}")
        return About(
            graph=str(values["graph"]),
            weights=str(values["weights"]),
            skeleton=Skeleton.from_dict(values["skeleton"]),
            provenance=dict(values["provenance"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(
            f"{path} must be a file of kpcomplete export-model, but its property {_KEY!r} "
            f"cannot be read: {error!r}"
        ) from error


def _teach() -> None:
    """Tell the exporter of functions that ONNX has, or that are made of such."""

    def asinh(g: Any, x: Any) -> Any:
        return g.op("Asinh", x)

    def expm1(g: Any, x: Any) -> Any:
        return g.op("Sub", g.op("Exp", x), g.op("Constant", value_t=torch.tensor(1.0)))

    register = torch.onnx.register_custom_op_symbolic  # type: ignore[attr-defined]
    register("aten::asinh", asinh, 9)
    register("aten::expm1", expm1, 9)


def _missing(what: str, package: str) -> MissingDependencyError:
    return MissingDependencyError(
        f"{what} needs the package {package}: pip install 'kpcomplete[onnx]'"
    )
