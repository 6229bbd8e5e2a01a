"""Scenes in a window of Open3D's legacy visualizer, visible or not."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kpcomplete.cabin.render import PACKAGES
from kpcomplete.errors import MissingDependencyError
from kpcomplete.pose import Array
from kpcomplete.scene import clear, colours, lettering
from kpcomplete.scene.light import shade, sieve
from kpcomplete.scene.parts import Mesh, Picture, Scene
from kpcomplete.scene.view import View

_NEAR, _FAR = 0.05, 200.0  # metres
_BAR, _LABEL = 0.06, 0.08  # metres before the eye
#: Two points whose middle is before the eye: the visualizer derives its view from the distance to
#: the middle of what was there first, and shows nothing where that is not before the camera.
_AHEAD = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 150.0]])
_QUAD = np.array([[0, 2, 1], [0, 3, 2]], np.int32)
_UVS = np.array([(0, 0), (1, 1), (1, 0), (0, 0), (0, 1), (1, 1)], np.float64)


def open3d() -> Any:
    """Return the package.

    Raises:
        MissingDependencyError: If it is not installed, or lacks a library of the system.
    """
    try:
        import open3d as package
    except (ImportError, OSError) as error:
        raise MissingDependencyError(
            f"viewers need the package 'open3d', which cannot be loaded ({error}): run pip install "
            f"open3d, and on Debian or Ubuntu apt-get install -y {PACKAGES} libx11-6 libgomp1; "
            "without it, there are format=glb and format=rrd"
        ) from error
    return package


class Stage:
    """Shows scenes in a window that was made already.

    All is given to the visualizer as the eye has it, so that its own camera never moves.

    Args:
        window: A visualizer with a window.
        size: Width, height in pixels.
    """

    def __init__(self, window: Any, size: tuple[int, int]) -> None:
        self._o3d, self._window, self._first = open3d(), window, size
        self._meshes: dict[str, tuple[Mesh, Any]] = {}
        self._boards: dict[str, Any] = {}
        self._view: View | None = None
        option = window.get_render_option()
        option.light_on, option.mesh_show_back_face = False, True
        option.background_color = np.asarray(colours.BACKGROUND)
        anchor = self._o3d.geometry.TriangleMesh()
        anchor.vertices = self._vectors(_AHEAD)
        anchor.vertex_colors = self._vectors(np.zeros((2, 3)))
        anchor.triangles = self._o3d.utility.Vector3iVector(np.array([[0, 1, 1]], np.int32))
        window.add_geometry(anchor)

    @property
    def size(self) -> tuple[int, int]:
        """Width, height in pixels, as they are now."""
        if self._view is None:
            return self._first
        seen = self._window.get_view_control().convert_to_pinhole_camera_parameters().intrinsic
        return int(seen.width), int(seen.height)

    def show(self, scene: Scene, view: View, help_: Sequence[str] = (), unit: float = 0.0) -> None:
        """Give a scene to the visualizer.

        Args:
            scene: What to show.
            view: From where; layers that it hides are left out.
            help_: Lines below the bar.
            unit: Of letters, see `kpcomplete.scene.lettering`; 0: as the window's height has it.
        """
        scene = scene.without(view.hides)
        view = view.zoomed(scene.width) if scene.width != 1 else view
        size = self.size
        moved = view != self._view
        if self._view is None or view.angle != self._view.angle:
            self._aim(view, size)
        self._view = view
        for name in [name for name in self._meshes if name not in scene.meshes]:
            self._window.remove_geometry(self._meshes.pop(name)[1], False)
        for name, mesh in scene.meshes.items():
            self._mesh(name, mesh, view, moved)
        self._show_boards(scene, view, size, help_, unit or max(min(size) / 720, 0.5))

    def draw(self) -> bool:
        """Let the window answer and draw; false once it was closed."""
        alive = bool(self._window.poll_events())
        self._window.update_renderer()
        return alive

    def picture(self) -> Array:
        """Draw what was given last; return it, ``[H, W, 3]`` uint8 blue, green, red."""
        import cv2

        seen = np.asarray(self._window.capture_screen_float_buffer(do_render=True))
        picture: Array = cv2.cvtColor(cv2.convertScaleAbs(seen, alpha=255), cv2.COLOR_RGB2BGR)
        return picture

    def blended(
        self, scene: Scene, view: View, help_: Sequence[str] = (), unit: float = 0.0
    ) -> Array:
        """Return a picture of a scene in which what is translucent is blended.

        It is drawn thrice, as the window knows solid things only; for windows that are watched a
        sieve of triangles has to do.

        Args:
            scene: See `show`; so are the others.
            view: From where.
            help_: Lines below the bar.
            unit: Of letters.
        """
        found = clear.layers(scene)
        if found is None:
            self.show(scene, view, help_, unit)
            return self.picture()
        pictures = []
        for part in (found.share, found.before, found.behind):
            self.show(part, view, help_, unit)
            pictures.append(self.picture().astype(np.float32))
        share, before, behind = pictures
        blended: Array = np.rint(behind + (before - behind) * (share / 255)).astype(np.uint8)
        return blended

    def _aim(self, view: View, size: tuple[int, int]) -> None:
        parameters = self._o3d.camera.PinholeCameraParameters()
        focal = view.focal(size[1])
        parameters.intrinsic = self._o3d.camera.PinholeCameraIntrinsic(
            *size, focal, focal, size[0] / 2 - 0.5, size[1] / 2 - 0.5
        )
        parameters.extrinsic = np.eye(4)
        control = self._window.get_view_control()
        control.convert_from_pinhole_camera_parameters(parameters, True)
        control.set_constant_z_near(_NEAR)
        control.set_constant_z_far(_FAR)

    def _mesh(self, name: str, mesh: Mesh, view: View, moved: bool) -> None:
        before: Mesh | None
        shown: Any
        before, shown = self._meshes.get(name, (None, None))
        if before is mesh and not moved:
            return
        if not len(mesh.triangles):
            if shown is not None:
                self._window.remove_geometry(shown, False)
                del self._meshes[name]
            return
        fresh = shown is None
        if fresh:
            shown = self._o3d.geometry.TriangleMesh()
        shown.vertices = self._vectors(view.seen(mesh.vertices))
        if before is not mesh:
            shown.vertex_colors = self._vectors(shade(mesh))
            shown.triangles = self._o3d.utility.Vector3iVector(np.ascontiguousarray(sieve(mesh)))
        self._meshes[name] = (mesh, shown)
        if fresh:
            self._window.add_geometry(shown, False)
        else:
            self._window.update_geometry(shown)

    def _show_boards(
        self, scene: Scene, view: View, size: tuple[int, int], help_: Sequence[str], unit: float
    ) -> None:
        wanted = {
            f"picture {name}": Picture(corners=view.seen(one.corners), image=one.image)
            for name, one in scene.pictures.items()
        }
        for i, label in enumerate(scene.labels):
            at, depth = view.project(label.place, size), float(view.seen(label.place)[2])
            if np.isfinite(at).all() and depth > _NEAR:
                image = lettering.word(label.text, label.colour, unit)
                corner = at - [image.shape[1] / 2, image.shape[0]]
                near = _LABEL + 1e-3 * min(depth, 20.0)  # the nearer one covers the other
                wanted[f"label {i}"] = _board(image, corner, near, view, size)
        image = lettering.bar(scene, size[0], unit, help_)
        corner = np.array([-0.5, size[1] - image.shape[0] - 0.5])
        wanted["bar"] = _board(image, corner, _BAR, view, size)
        for name in [name for name in self._boards if name not in wanted]:
            self._window.remove_geometry(self._boards.pop(name), False)
        for name, picture in wanted.items():
            self._board(name, picture)

    def _board(self, name: str, picture: Picture) -> None:
        fresh = name not in self._boards
        shown = self._boards.setdefault(name, self._o3d.geometry.TriangleMesh())
        shown.vertices = self._vectors(picture.corners)
        shown.textures = [self._o3d.geometry.Image(np.ascontiguousarray(picture.image))]
        if fresh:
            shown.triangles = self._o3d.utility.Vector3iVector(_QUAD)
            shown.triangle_uvs = self._o3d.utility.Vector2dVector(_UVS)
            shown.triangle_material_ids = self._o3d.utility.IntVector([0, 0])
            self._window.add_geometry(shown, False)
        else:
            self._window.update_geometry(shown)

    def _vectors(self, rows: Array) -> Any:
        return self._o3d.utility.Vector3dVector(np.ascontiguousarray(rows, np.float64))


def _board(image: Array, corner: Array, depth: float, view: View, size: tuple[int, int]) -> Picture:
    """Return an image whose upper left is at a pixel, as large as it is, so far from the eye."""
    height, width = image.shape[:2]
    pixels = corner + np.array([(0, 0), (width, 0), (width, height), (0, height)])
    flat = (pixels - (np.asarray(size) - 1) / 2) / view.focal(size[1])
    return Picture(corners=depth * np.concatenate([flat, np.ones((4, 1))], axis=-1), image=image)
