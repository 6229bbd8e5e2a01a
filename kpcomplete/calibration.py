"""Calibration files of other programs, and of `kpcomplete calibrate`."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import yaml

from kpcomplete.camera import Array, Camera
from kpcomplete.errors import MissingDependencyError, SettingError, SourceError
from kpcomplete.output import whole

_QUALISYS = 64  # its intrinsics count 64ths of pixels
_MOST = 10_000_000  # bytes


def read(path: str | Path) -> dict[str, Camera]:
    """Return the cameras of a calibration file by name, told by its content.

    Raises:
        SourceError: If it cannot be read or is no calibration.
        MissingDependencyError: If it is TOML and this Python cannot read that.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _MOST:
            raise ValueError(f"it has more than {_MOST} bytes")
        text = path.read_text(encoding="utf-8")
        form = _form(text)
        cameras = form(text)
    except (SettingError, MissingDependencyError) as error:
        raise type(error)(f"{path}: {error}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, ArithmeticError,
            RecursionError, yaml.YAMLError, ElementTree.ParseError) as error:  # fmt: skip
        raise SourceError(
            f"{path} should be a calibration of OpenCV (YAML, JSON), Pose2Sim (TOML) or Qualisys "
            f"(.qca.txt), but is not: {error!r}"
        ) from error
    if not cameras:
        raise SourceError(f"{path} should hold at least one camera, but has none")
    return cameras


def _form(text: str) -> Callable[[str], dict[str, Camera]]:
    start = text.lstrip()
    if start.startswith("<"):
        return _qualisys
    if re.search(r"(?m)^\s*\[[^\[\]]+\]\s*$", text) and re.search(r"(?m)^\s*matrix\s*=", text):
        return _pose2sim
    return _opencv


def _opencv(text: str) -> dict[str, Camera]:
    """OpenCV's file storage, under the names that its samples and its users give things."""
    if text.lstrip().startswith("{"):
        values = json.loads(text)
    else:
        values = yaml.load(re.sub(r"^%YAML:1.0", "%YAML 1.1", text), Loader=_Storage)
    matrix = _matrix(_first(values, "camera_matrix", "cameraMatrix", "K", "intrinsic_matrix"))
    matrix = matrix.reshape(3, 3)
    distortion = _first(values, "distortion_coefficients", "distCoeffs", "dist_coeffs", "D",
                        "distortion", default=[])  # fmt: skip
    size = _first(values, "image_size", "imageSize", "img_size", default=None)
    if size is None:
        size = [_first(values, f"image_{s}", f"image{s.title()}", s) for s in ("width", "height")]
    turn = _first(values, "turn", "rotation_matrix", "R", "rvec", default=None)
    shift = _first(values, "shift", "translation_vector", "T", "tvec", default=None)
    name = str(values.get("name", "camera"))
    return {name: _camera(name, size, matrix, _matrix(distortion).ravel(), turn, shift)}


def _pose2sim(text: str) -> dict[str, Camera]:
    try:
        import tomllib
    except ImportError as error:
        raise MissingDependencyError("reading TOML needs Python 3.11 or later") from error
    cameras = {}
    for values in tomllib.loads(text).values():
        if isinstance(values, dict) and "matrix" in values:
            name = str(values["name"])
            if values.get("fisheye"):
                raise SettingError(f"{name!r} has a fisheye lens, which is not supported")
            cameras[name] = _camera(
                name, values["size"], np.array(values["matrix"], np.float64),
                np.array(values.get("distortions", []), np.float64),
                values.get("rotation"), values.get("translation"),
            )  # fmt: skip
    return cameras


def _qualisys(text: str) -> dict[str, Camera]:
    """Qualisys' own frame has y up and looks along -z; lengths are mm."""
    cameras = {}
    for node in ElementTree.fromstring(text).iter("camera"):
        inner, pose, video = (node.find(t) for t in ("intrinsic", "transform", "fov_video"))
        if inner is None or pose is None or video is None:
            continue  # of another kind, without a lens
        i, p, v = (
            {k: float(x) for k, x in n.attrib.items() if re.fullmatch(r"[-+.\deE]+", x)}
            for n in (inner, pose, video)
        )
        rows = np.array([[p[f"r{a}{b}"] for b in (1, 2, 3)] for a in (1, 2, 3)])
        turn = np.diag([1.0, -1.0, -1.0]) @ rows
        place = np.array([p["x"], p["y"], p["z"]]) / 1000
        matrix = np.eye(3)
        matrix[0, 0], matrix[1, 1] = i["focalLengthU"] / _QUALISYS, i["focalLengthV"] / _QUALISYS
        matrix[0, 2] = i["centerPointU"] / _QUALISYS - v["left"]
        matrix[1, 2] = i["centerPointV"] / _QUALISYS - v["top"]
        bends = [i[f"{kind}alDistortion{n}"] for kind, n in
                 (("radi", 1), ("radi", 2), ("tangent", 1), ("tangent", 2))]  # fmt: skip
        name = str(node.attrib["serial"])
        size = [v["right"] - v["left"] + 1, v["bottom"] - v["top"] + 1]
        cameras[name] = _camera(name, size, matrix, np.array(bends), turn, -turn @ place)
    return cameras


def _camera(
    name: str, size: Any, matrix: Array, distortion: Array, turn: Any, shift: Any
) -> Camera:
    if abs(matrix[0, 1]) > 1e-3 * matrix[0, 0]:
        raise SettingError(f"{name!r} has oblique pixels (skew {matrix[0, 1]:.4g}): not supported")
    width, height = (round(float(v)) for v in size)
    bends = [float(v) for v in distortion]
    while bends and bends[-1] == 0 and len(bends) not in (4, 5, 8):
        bends.pop()  # OpenCV writes up to 14, most of them 0
    if not any(bends):
        bends = []
    return Camera(
        name=name, width=width, height=height, fx=float(matrix[0, 0]), fy=float(matrix[1, 1]),
        cx=float(matrix[0, 2]), cy=float(matrix[1, 2]), distortion=tuple(bends),
        turn=None if turn is None else _rotation(_matrix(turn)),
        shift=None if shift is None else _matrix(shift).ravel(),
    )  # fmt: skip


def _rotation(values: Array) -> Array:
    """Return a rotation given as a matrix or as OpenCV's vector (Rodrigues)."""
    if values.size == 9:
        return values.reshape(3, 3)
    angle = float(np.linalg.norm(values))
    x, y, z = values.ravel() / max(angle, 1e-12)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    found: Array = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return found


def _matrix(values: Any) -> Array:
    return np.asarray(values["data"] if isinstance(values, dict) else values, np.float64)


def _first(values: Mapping[str, Any], *names: str, **default: Any) -> Any:
    for name in names:
        if name in values:
            return values[name]
    if "default" in default:
        return default["default"]
    raise KeyError(f"no {' or '.join(names)}")


class _Storage(yaml.SafeLoader):
    """OpenCV tags its matrices; it has no aliases, a few of which can stand for billions."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it must not have aliases")
        return super().compose_node(parent, index)


def _opencv_matrix(loader: yaml.SafeLoader, node: yaml.MappingNode) -> Any:
    return loader.construct_mapping(node, deep=True)


_Storage.add_constructor("tag:yaml.org,2002:opencv-matrix", _opencv_matrix)


def write(path: str | Path, camera: Camera) -> None:
    """Write a camera as OpenCV's file storage does, which `read` and OpenCV read.

    Raises:
        OutputError: If the file cannot be written.
    """
    matrix = [camera.fx, 0.0, camera.cx, 0.0, camera.fy, camera.cy, 0.0, 0.0, 1.0]
    lines = [
        "%YAML:1.0",
        "---",
        f"name: {json.dumps(camera.name, ensure_ascii=False)}",  # of YAML, too
        f"image_width: {camera.width}",
        f"image_height: {camera.height}",
        *_written("camera_matrix", 3, matrix),
        *_written("distortion_coefficients", 1, list(camera.distortion)),
    ]
    if camera.turn is not None and camera.shift is not None:
        lines += _written("rotation_matrix", 3, np.asarray(camera.turn).ravel().tolist())
        lines += _written("translation_vector", 3, np.asarray(camera.shift).ravel().tolist())
    with whole(path) as temporary:
        Path(temporary).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _written(name: str, rows: int, values: list[float]) -> list[str]:
    columns = len(values) // rows
    text = ", ".join(repr(float(value)) for value in values)  # OpenCV takes 1 for an integer
    return [f"{name}: !!opencv-matrix", f"   rows: {rows}", f"   cols: {columns}", "   dt: d",
            f"   data: [ {text} ]"]  # fmt: skip
