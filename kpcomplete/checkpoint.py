"""Trained models on disk: tensors, how to rebuild the network, and where it came from."""

import hashlib
import importlib
import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from kpcomplete import limits
from kpcomplete.errors import ModelFileError, OutputError
from kpcomplete.frugal import frugal
from kpcomplete.packed import pack, unpack
from kpcomplete.skeleton import CANONICAL, Skeleton

FORMAT = 1
_KEY = "kpcomplete"  # of the JSON text in the header of the file
_SUFFIX = ".safetensors"
_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What a checkpoint says about itself; stored as JSON, so values are plain.

    Attributes:
        network: Dotted class that the tensors belong to, e.g. ``kpcomplete.model.mlp.MLP``.
        arguments: What its constructor takes.
        skeleton: The joints that the tensors speak of, stored by value.
        shared: Part of the network, such as ``encoder``, to the name and the SHA-256 of the shipped
            checkpoint whose tensors it has; they are not stored twice.
        provenance: Data, people, command, seed, versions, metrics.
    """

    network: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    skeleton: Skeleton = field(default_factory=lambda: Skeleton.load(CANONICAL))
    shared: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls, network: nn.Module, provenance: Mapping[str, Any], shared: Mapping[str, str] = _NONE
    ) -> "Metadata":
        """Describe a network that keeps its constructor's ``arguments``.

        Args:
            network: Which one.
            provenance: As above.
            shared: Part of the network to the shipped checkpoint that it was loaded from, and that
                it still equals.
        """
        kind = type(network)
        return cls(
            network=f"{kind.__module__}.{kind.__qualname__}",
            arguments=dict(getattr(network, "arguments", {})),
            shared={
                part: {"name": name, "sha256": _mark(shipped(name))}
                for part, name in shared.items()
            },
            provenance=provenance,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """A checkpoint that was read.

    Attributes:
        path: Where from, for error texts.
        tensors: Name to tensor, on the CPU, in the stored precision.
        metadata: See `Metadata`.
    """

    path: Path
    tensors: Mapping[str, Tensor]
    metadata: Metadata

    def build(self, trusted: Sequence[str] = ()) -> nn.Module:
        """Return the network with its tensors, in float32 and in evaluation mode.

        Args:
            trusted: Packages beside kpcomplete whose classes a file may name. Constructing a
                class runs its code: name only packages whose files come from yourself.

        Raises:
            ModelFileError: If the class is not allowed or is no network, or if arguments or
                tensors do not fit it.
        """
        network = network_class(self.metadata.network, self.path, trusted)
        try:
            with frugal(self.metadata.arguments, sum(t.numel() for t in self.tensors.values())):
                module = network(**self.metadata.arguments)
            module.load_state_dict({k: _wide(v) for k, v in self.tensors.items()})
        except (TypeError, ValueError, RuntimeError) as error:
            raise ModelFileError(
                f"{self.path} does not fit {self.metadata.network} of this version: {error}"
            ) from error
        return module.eval()


def versions() -> dict[str, str]:
    """Return the versions that a checkpoint was made with."""
    found = {"python": platform.python_version()}
    for package in ("kpcomplete", "torch", "numpy"):
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def save(
    path: str | Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any] | Metadata
) -> None:
    """Write a checkpoint whole or not at all.

    Args:
        path: Ends in ``.safetensors``.
        tensors: Name to tensor; stored in the precision given, see `kpcomplete.packed`, but for
            those of shared parts.
        metadata: A `Metadata`, or a mapping with its fields.

    Raises:
        OutputError: If the file cannot be written.
        TypeError: If the metadata is not plain, i.e. not what JSON knows.
    """
    path = Path(path)
    if not isinstance(metadata, Metadata):
        metadata = Metadata(**metadata)
    text = json.dumps(
        {
            "format": FORMAT,
            "network": metadata.network,
            "arguments": dict(metadata.arguments),
            "skeleton": metadata.skeleton.as_dict(),
            "shared": {part: dict(where) for part, where in metadata.shared.items()},
            "provenance": dict(metadata.provenance),
        },
        allow_nan=False,
    )
    part = path.with_name(f".{path.name}.part-{os.getpid()}")
    own = {k: v for k, v in sorted(tensors.items()) if k.split(".")[0] not in metadata.shared}
    own = pack({k: v.detach().cpu() for k, v in own.items()})
    plain = {k: v.contiguous().clone() for k, v in own.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(to_bytes(plain, metadata={_KEY: text}))  # with the usual permissions
        part.replace(path)
    except (OSError, SafetensorError) as error:
        raise OutputError(f"cannot write the checkpoint {path}: {error}") from error
    finally:
        with suppress(OSError):  # there is none, or nothing can be there
            part.unlink()


def load(path: str | Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        ModelFileError: If there is no such file, or it is no checkpoint of this format, or shares
            tensors with a shipped checkpoint that is another one now.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelFileError(f"expected a checkpoint at {path}, but there is no such file")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            header = file.metadata() or {}
            metadata = _metadata(path, header.get(_KEY))
            stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelFileError(
            f"{path} must be a whole safetensors file, but {path.stat().st_size} bytes were "
            f"found that are none: {error}"
        ) from error
    try:
        tensors = unpack(stored)
    except ValueError as error:
        raise ModelFileError(f"{path} has tensors that cannot be read: {error}") from error
    for part, where in metadata.shared.items():
        tensors |= {f"{part}.{name}": value for name, value in _theirs(path, where).items()}
    return Checkpoint(path=path, tensors=tensors, metadata=metadata)


def _theirs(path: Path, where: Mapping[str, str]) -> Mapping[str, Tensor]:
    """Return the tensors of a shipped checkpoint that another one builds on."""
    found = shipped(where["name"])
    if _mark(found) != where["sha256"]:
        raise ModelFileError(
            f"{path} was trained on another version of the shipped model {where['name']!r}: train "
            "it again, or use the version of kpcomplete that wrote it"
        )
    return load(found).tensors


def _mark(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def shipped(name: str) -> Path:
    """Return the path of a model that comes with kpcomplete, e.g. ``completer``.

    Raises:
        ModelFileError: If none has this name.
    """
    folder = files("kpcomplete.weights")
    known = sorted(f.name for f in folder.iterdir() if f.name.endswith(_SUFFIX))
    if f"{name}{_SUFFIX}" not in known:
        names = ", ".join(n[: -len(_SUFFIX)] for n in known) or "none"
        raise ModelFileError(f"no shipped model is called {name!r}; there are: {names}")
    return Path(str(folder / f"{name}{_SUFFIX}"))


def find(name: str | Path) -> Path:
    """Return the path of a checkpoint given by its path or by the name of a shipped one."""
    path = Path(name)
    if path.suffix == _SUFFIX or len(path.parts) != 1:
        return path
    return shipped(str(name))


def _metadata(path: Path, text: str | None) -> Metadata:
    if text is None:
        raise ModelFileError(
            f"{path} must be a checkpoint of kpcomplete, but its header has no {_KEY!r} entry: "
            "it was written by another program"
        )
    try:
        values = limits.parse(text)
        found = values["format"]
        if found != FORMAT:
            raise ModelFileError(
                f"{path} must have checkpoint format {FORMAT}, but has {found!r}; "
                "train it again, or use the version of kpcomplete that wrote it"
            )
        return Metadata(
            network=str(values["network"]),
            arguments=dict(values["arguments"]),
            skeleton=Skeleton.from_dict(values["skeleton"]),
            shared={
                str(part): {key: str(where[key]) for key in ("name", "sha256")}
                for part, where in values.get("shared", {}).items()
            },
            provenance=dict(values["provenance"]),
        )
    except ModelFileError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:  # bad JSON among them
        raise ModelFileError(
            f"the header of {path} must describe a checkpoint, but it cannot be read: {error!r}"
        ) from error


def network_class(name: str, path: Path | str, trusted: Sequence[str] = ()) -> type[nn.Module]:
    """Return the network that a file names, before anything that it says is called.

    Args:
        name: Dotted.
        path: Of the file, for messages.
        trusted: Packages beside this one that it may come from.

    Raises:
        ModelFileError: If it is of another package, does not exist or is no network.
    """
    allowed = ("kpcomplete", *trusted)
    if not re.fullmatch(r"\w+(\.\w+)+", name) or name.split(".")[0] not in allowed:
        raise ModelFileError(
            f"{path} must name a network of {', '.join(allowed)}, but names {name!r}; add its "
            "package to `trusted` if you wrote the file yourself"
        )
    module, _, attribute = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ModelFileError(f"{path} names {name!r}, which does not exist: {error}") from error
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise ModelFileError(f"{path} must name a network, but {name!r} is {found!r}")
    return found


def _wide(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
