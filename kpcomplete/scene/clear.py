"""What can be seen through, for whoever can only draw what is solid: as pictures to be blended."""

from dataclasses import dataclass, replace

import numpy as np

from kpcomplete.scene.parts import Mesh, Scene

_SOLID = 0.999


@dataclass(frozen=True, kw_only=True, eq=False)
class Layers:
    """A scene as three solid ones of the same view.

    Each pixel is that of ``behind``, plus the difference to ``before`` times ``share``. Where some
    of it stands behind one another, only the nearest is seen through.

    Attributes:
        behind: Without all that is translucent.
        before: With it, as if it were solid.
        share: With its opacity as grey, where it is nearest; the rest does not matter.
    """

    behind: Scene
    before: Scene
    share: Scene


def layers(scene: Scene) -> Layers | None:
    """Return a scene as solid ones; None if it is solid."""
    clear = {name: mesh for name, mesh in scene.meshes.items() if _is_clear(mesh)}
    if not clear:
        return None
    return Layers(
        behind=_with(scene, {name: _opaque(mesh) for name, mesh in clear.items()}),
        before=_with(scene, {name: _solid(mesh) for name, mesh in clear.items()}),
        share=_with(scene, {name: _share(mesh) for name, mesh in clear.items()}),
    )


def _with(scene: Scene, meshes: dict[str, Mesh]) -> Scene:
    return replace(scene, meshes={**scene.meshes, **meshes})


def _is_clear(mesh: Mesh) -> bool:
    return bool(len(mesh.colours) and mesh.colours[:, 3].min() < _SOLID)


def _opaque(mesh: Mesh) -> Mesh:
    whole = (mesh.colours[:, 3] >= _SOLID)[mesh.triangles].all(axis=1)
    return replace(mesh, triangles=mesh.triangles[whole])


def _solid(mesh: Mesh) -> Mesh:
    colours = mesh.colours.copy()
    colours[:, 3] = 1
    return replace(mesh, colours=colours)


def _share(mesh: Mesh) -> Mesh:
    colours = np.repeat(mesh.colours[:, 3:], 4, axis=1)
    colours[:, 3] = 1
    return replace(mesh, colours=colours, lit=False)
