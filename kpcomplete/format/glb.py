"""A scene as binary glTF, for any 3D program or browser."""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np

from kpcomplete.errors import SettingError
from kpcomplete.format import Look
from kpcomplete.format._controls import check, without
from kpcomplete.output import whole
from kpcomplete.pose import Array
from kpcomplete.scene.parts import Mesh, Picture, Scene
from kpcomplete.show import Show

_TURN = np.array(
    [[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]
)  # ours to glTF's: x left, y up, z to the front
_TYPES = {np.dtype(np.float32): 5126, np.dtype(np.uint16): 5123, np.dtype(np.uint32): 5125}
_SHAPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}


@dataclass(kw_only=True)
class Glb:
    """Writes one moment, or several as an animation in which each is shown for a while.

    Written by itself, as the format is a header, a table and some arrays. Labels, caption and
    legend are left out; nodes have the names of layers. What is translucent is so by its opacity.

    Args:
        moments: How many, spread evenly from the first to the last that is asked for.

    Raises:
        SettingError: If it is less than one.
        OutputError: If the file cannot be written.
    """

    moments: int = 1
    ending: ClassVar[str] = ".glb"

    def __post_init__(self) -> None:
        if self.moments < 1:
            raise SettingError(f"moments must be 1 or more, but got {self.moments}")

    def __call__(self, show: Show, look: Look, path: Path, /) -> tuple[Path, ...]:
        check(show, look)
        stop = min(look.stop or len(show), len(show))
        chosen = np.unique(np.linspace(look.start, stop - 1, self.moments).round().astype(int))
        variant = look.variant or show.variants[0]
        if self.moments == 1:
            chosen = chosen[:1]
        file = _File()
        for moment in chosen.tolist():
            file.add(without(show.scene(moment, variant), look.hidden), moment)
        if len(chosen) > 1:
            file.animate((chosen - chosen[0]) / show.fps, 1 / show.fps)
        with whole(path) as target:
            target.write_bytes(file.packed(show.title))
        return (path,)


@dataclass(eq=False)
class _File:
    """What a file holds so far."""

    data: bytearray = field(default_factory=bytearray)
    views: list[dict[str, Any]] = field(default_factory=list)
    accessors: list[dict[str, Any]] = field(default_factory=list)
    meshes: list[dict[str, Any]] = field(default_factory=list)
    materials: list[dict[str, Any]] = field(default_factory=list)
    images: list[dict[str, Any]] = field(default_factory=list)
    nodes: list[dict[str, Any]] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    animations: list[dict[str, Any]] = field(default_factory=list)
    _known: dict[int, tuple[Any, int]] = field(default_factory=dict)

    def add(self, scene: Scene, moment: int) -> None:
        """Add a scene as a node of its own; parts that were there before are not stored again."""
        children = []
        parts: list[tuple[str, Mesh | Picture]] = [*scene.meshes.items()]
        for name, part in (*parts, *scene.pictures.items()):
            if isinstance(part, Mesh) and not len(part.triangles):
                continue
            if id(part) not in self._known:
                number = self._mesh(part) if isinstance(part, Mesh) else self._picture(part)
                self._known[id(part)] = (part, number)  # kept, so that its id stays its own
            self.nodes.append({"name": name, "mesh": self._known[id(part)][1]})
            children.append(len(self.nodes) - 1)
        self.nodes.append({"name": f"moment {moment}", "children": children})
        self.groups.append(len(self.nodes) - 1)

    def animate(self, times: Array, last: float) -> None:
        """Show each group from its time to the next one's; the others have no size then."""
        ends = np.append(times, times[-1] + last)
        clock = self._accessor(ends.astype(np.float32), bounds=True)
        samplers, channels = [], []
        for i, node in enumerate(self.groups):
            size = np.zeros((len(ends), 3), np.float32)
            size[i] = 1
            size[-1] = size[-2]
            output = self._accessor(size)
            samplers.append({"input": clock, "output": output, "interpolation": "STEP"})
            channels.append({"sampler": i, "target": {"node": node, "path": "scale"}})
            self.nodes[node]["scale"] = [1, 1, 1] if i == 0 else [0, 0, 0]
        self.animations.append({"name": "show", "samplers": samplers, "channels": channels})

    def packed(self, title: str) -> bytes:
        """Return the bytes of the file."""
        table: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": "kpcomplete", "extras": {"title": title}},
            "extensionsUsed": ["KHR_materials_unlit"],
            "scene": 0,
            "scenes": [{"nodes": self.groups}],
            "nodes": self.nodes,
            "meshes": self.meshes,
            "materials": self.materials,
            "accessors": self.accessors,
            "bufferViews": self.views,
            "buffers": [{"byteLength": len(self.data)}],
        }
        if self.images:
            table["images"] = self.images
            table["samplers"] = [{}]
            table["textures"] = [{"source": i, "sampler": 0} for i in range(len(self.images))]
        if self.animations:
            table["animations"] = self.animations
        text = json.dumps(table, separators=(",", ":")).encode()
        chunks = [(b"JSON", text + b" " * (-len(text) % 4)), (b"BIN\0", bytes(self.data))]
        body = b"".join(struct.pack("<I", len(part)) + kind + part for kind, part in chunks)
        return struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body

    def _mesh(self, mesh: Mesh) -> int:
        colours = mesh.colours.copy()
        colours[:, :3] **= 2.2  # glTF counts light, not what screens show
        attributes = {
            "POSITION": self._accessor(_points(mesh.vertices), bounds=True),
            "NORMAL": self._accessor(_points(mesh.normals())),
            "COLOR_0": self._accessor(
                np.rint(65535 * np.clip(colours, 0, 1)).astype(np.uint16), normalised=True
            ),
        }
        clear = bool((mesh.colours[:, 3] < 0.999).any())
        material: dict[str, Any] = {
            "doubleSided": True,
            "alphaMode": "BLEND" if clear else "OPAQUE",
            "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 0.7},
        }
        return self._primitive(attributes, mesh.triangles, material, mesh.lit)

    def _picture(self, picture: Picture) -> int:
        packed = cv2.imencode(".jpg", picture.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
        self.images.append({"bufferView": self._view(packed.tobytes()), "mimeType": "image/jpeg"})
        uvs = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32)
        attributes = {
            "POSITION": self._accessor(_points(picture.corners), bounds=True),
            "TEXCOORD_0": self._accessor(uvs),
        }
        texture = {"baseColorTexture": {"index": len(self.images) - 1}}
        material = {"doubleSided": True, "pbrMetallicRoughness": texture}
        return self._primitive(attributes, np.array([[0, 2, 1], [0, 3, 2]]), material, False)

    def _primitive(
        self, attributes: dict[str, int], triangles: Array, material: dict[str, Any], lit: bool
    ) -> int:
        if not lit:
            material["extensions"] = {"KHR_materials_unlit": {}}
        self.materials.append(material)
        indices = self._accessor(np.ascontiguousarray(triangles, np.uint32).reshape(-1))
        one = {"attributes": attributes, "indices": indices, "material": len(self.materials) - 1}
        self.meshes.append({"primitives": [one]})
        return len(self.meshes) - 1

    def _accessor(self, values: Array, *, bounds: bool = False, normalised: bool = False) -> int:
        rows = values.reshape(len(values), -1)
        one: dict[str, Any] = {
            "bufferView": self._view(np.ascontiguousarray(values).tobytes()),
            "componentType": _TYPES[values.dtype],
            "count": len(rows),
            "type": _SHAPES[rows.shape[1]],
        }
        if bounds:
            one |= {"min": rows.min(axis=0).tolist(), "max": rows.max(axis=0).tolist()}
        if normalised:
            one["normalized"] = True
        self.accessors.append(one)
        return len(self.accessors) - 1

    def _view(self, data: bytes) -> int:
        self.views.append({"buffer": 0, "byteOffset": len(self.data), "byteLength": len(data)})
        self.data += data + b"\0" * (-len(data) % 4)
        return len(self.views) - 1


def _points(points: Array | Sequence[float]) -> Array:
    turned: Array = (np.asarray(points) @ _TURN.T).astype(np.float32)
    return turned
