"""Light on meshes, and a sieve for what is translucent where there is no blending."""

import numpy as np

from kpcomplete.pose import Array
from kpcomplete.scene.parts import Mesh

_LAMPS = (((-0.4, -0.7, 0.6), 0.55), ((0.8, -0.2, 0.4), 0.25), ((0.1, 0.9, 0.3), 0.22))
_AMBIENT = 0.38
_SPREAD = 0.6180339887498949  # of the golden ratio: neighbours in a row get thresholds far apart


def shade(mesh: Mesh) -> Array:
    """Return the colours ``[V, 3]`` of a mesh in the light of three far lamps."""
    colours = mesh.colours[:, :3].astype(np.float64)
    if not mesh.lit or not len(colours):
        return colours
    normals = mesh.normals()
    light = np.full(len(normals), _AMBIENT)
    for direction, strength in _LAMPS:
        towards = np.asarray(direction) / np.linalg.norm(direction)
        light += strength * np.maximum(normals @ towards, 0.0)
    lit: Array = np.clip(colours * light[:, None], 0, 1)
    return lit


def sieve(mesh: Mesh) -> Array:
    """Return the triangles ``[F', 3]`` that stay when opacity becomes a share of triangles.

    Which ones stay depends on their numbers alone, so that nothing flickers from frame to frame.
    """
    opacity = mesh.colours[:, 3][mesh.triangles].mean(axis=1)
    if not len(opacity) or opacity.min() >= 0.999:
        return mesh.triangles
    threshold = np.arange(len(opacity)) * _SPREAD % 1
    stay: Array = mesh.triangles[threshold < opacity]
    return stay
