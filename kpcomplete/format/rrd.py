"""A recording for rerun's viewer."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from tqdm import tqdm

from kpcomplete.errors import MissingDependencyError
from kpcomplete.format import Look
from kpcomplete.format._controls import check, without
from kpcomplete.output import whole
from kpcomplete.scene.parts import Mesh, Picture, Scene
from kpcomplete.show import Show

_UVS = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32)
_QUAD = np.array([[0, 2, 1], [0, 3, 2]], np.uint32)


@dataclass(kw_only=True)
class Rrd:
    """Writes a file that ``rerun FILE`` plays; nothing is sent anywhere.

    Parts that do not change are stored once.

    Args:
        every: Of the moments every so many are stored.

    Raises:
        MissingDependencyError: If rerun-sdk is not installed.
        OutputError: If the file cannot be written.
    """

    every: int = 1
    ending: ClassVar[str] = ".rrd"

    def __call__(self, show: Show, look: Look, path: Path, /) -> tuple[Path, ...]:
        check(show, look)
        rerun = _rerun()
        variant = look.variant or show.variants[0]
        stop = min(look.stop or len(show), len(show))
        moments = range(look.start, stop, self.every)
        with whole(path) as target:
            stream = rerun.new_recording(
                "kpcomplete", make_default=False, make_thread_default=False
            )
            stream.save(str(target))
            writer = _Writer(rerun, stream)
            for moment in tqdm(moments, unit="frame", disable=None):
                stream.set_time_seconds("time", moment / show.fps)
                stream.set_time_sequence("moment", moment)
                writer.write(without(show.scene(moment, variant), look.hidden))
            stream.disconnect()
        return (path,)


class _Writer:
    """Tells the stream what is new in each scene."""

    def __init__(self, rerun: Any, stream: Any) -> None:
        self._rerun, self._stream = rerun, stream
        self._before: dict[str, Mesh | Picture] = {}
        self._stream.log("/", rerun.ViewCoordinates.LBU, static=True)

    def write(self, scene: Scene) -> None:
        parts: dict[str, Mesh | Picture] = {f"meshes/{k}": v for k, v in scene.meshes.items()}
        parts |= {f"images/{k}": v for k, v in scene.pictures.items()}
        for name in set(self._before) - set(parts):
            self._stream.log(_path(name), self._rerun.Clear(recursive=True))
        for name, part in parts.items():
            if self._before.get(name) is not part:
                shape = self._mesh(part) if isinstance(part, Mesh) else self._picture(part)
                self._stream.log(_path(name), shape)
        self._before = parts
        if scene.labels:
            places = np.stack([label.place for label in scene.labels])
            words = [label.text for label in scene.labels]
            self._stream.log("labels", self._rerun.Points3D(places, labels=words, radii=0.004))
        self._stream.log("caption", self._rerun.TextLog(scene.caption))

    def _mesh(self, mesh: Mesh) -> Any:
        return self._rerun.Mesh3D(
            vertex_positions=mesh.vertices.astype(np.float32),
            triangle_indices=mesh.triangles.astype(np.uint32),
            vertex_normals=mesh.normals().astype(np.float32) if mesh.lit else None,
            vertex_colors=np.rint(255 * np.clip(mesh.colours, 0, 1)).astype(np.uint8),
        )

    def _picture(self, picture: Picture) -> Any:
        return self._rerun.Mesh3D(
            vertex_positions=picture.corners.astype(np.float32),
            triangle_indices=_QUAD,
            vertex_texcoords=_UVS,
            albedo_texture=picture.image,
        )


def _path(name: str) -> str:
    return "/".join(part.replace(" ", "_") for part in name.split("/"))


def _rerun() -> Any:
    try:
        import rerun
    except ImportError as error:
        raise MissingDependencyError(
            "format=rrd needs the package 'rerun-sdk', which is not installed: run pip install "
            "'kpcomplete[rerun]'"
        ) from error
    return rerun
