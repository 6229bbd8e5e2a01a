"""Show versions, weights, devices, and what is missing: the head of every bug report."""

import importlib.util
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files

import kpcomplete

PACKAGES = (
    "torch", "numpy", "mediapipe", "opencv-python", "hydra-core", "open3d", "lightning-fabric",
    "safetensors", "pyarrow", "av", "scipy", "scikit-learn", "anny", "netCDF4", "tensorboard",
    "onnx", "onnxruntime",
)  # fmt: skip


def main() -> None:
    """Print one line a fact."""
    for name, value in facts():
        print(f"{name:<18} {value}")


def facts() -> Iterator[tuple[str, str]]:
    """Yield name and value of everything worth knowing of this installation."""
    yield "kpcomplete", f"{kpcomplete.__version__} in {files('kpcomplete')}"
    yield "python", f"{sys.version.split()[0]} on {platform.platform()}"
    for package in PACKAGES:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            yield package, "not installed"
    yield "imports", ", ".join(f"{name} {_import(name)}" for name in ("cv2", "mediapipe", "open3d"))
    yield from _devices()
    yield from _weights()
    yield from _detector()


def _import(name: str) -> str:
    """Import a package that may lack a library of the system, and say how that went."""
    if importlib.util.find_spec(name) is None:
        return "missing"
    try:
        importlib.import_module(name)
    except ImportError as error:
        return f"FAILS ({error})"
    return "ok"


def _devices() -> Iterator[tuple[str, str]]:
    import torch

    yield "threads", str(torch.get_num_threads())
    if not torch.cuda.is_available():
        yield "cuda", "none: training runs on the CPU"
    for i in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(i)
        yield f"cuda:{i}", f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"


def _weights() -> Iterator[tuple[str, str]]:
    for file in sorted(files("kpcomplete.weights").iterdir(), key=lambda f: f.name):
        if file.name.endswith(".safetensors"):
            yield f"weights {file.name[:-12]}", f"{len(file.read_bytes()) / 1e3:.0f} kB"


def _detector() -> Iterator[tuple[str, str]]:
    from kpcomplete.detector.task_file import cached_path

    path = cached_path()
    yield "pose model", f"{path} ({'built' if path.exists() else 'built when first used'})"
