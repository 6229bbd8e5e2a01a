"""Drawing the cabin without a screen, by Open3D's legacy visualizer."""

from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kpcomplete.cabin.cameras import Camera
from kpcomplete.cabin.lens import Lens
from kpcomplete.cabin.mesh import Mesh
from kpcomplete.display import runtime_dir
from kpcomplete.errors import MissingDependencyError, RenderError

Array = NDArray[np.float64]

PACKAGES = "libegl1 libgl1 libegl-mesa0 libgl1-mesa-dri libusb-1.0-0"

#: A vertex of no triangle, far before the camera: the visualizer derives its view from the distance
#: to the middle of all vertices, and shows nothing where that is not before the camera.
AHEAD = np.array([[0.0, 0.0, 150.0]])


class Renderer:
    """Draws coloured meshes from one camera; one window for as long as it lives.

    What stands still is drawn once, with its depth; later pictures are laid over it pixel by pixel,
    wherever they are nearer.

    Colours are shown as they are: light is in them already.

    Args:
        camera: that looks.
        finer: pixels drawn for each pixel shown, each way, against jagged edges.

    Raises:
        RenderError: If no window can be made, with the system packages that are needed.
    """

    def __init__(self, camera: Camera, finer: int = 2) -> None:
        self._o3d, self.camera, self.finer = _open3d(), camera, finer
        self._lens = Lens(camera)
        self._view = self._lens.pinhole.finer(finer)
        self._window: Any = self._o3d.visualization.Visualizer()
        size = {"width": self._view.width, "height": self._view.height}
        with runtime_dir():
            made = self._window.create_window(visible=False, **size)
        if not made:
            raise RenderError(
                "no window could be made to draw in, not even an invisible one: on Debian or "
                f"Ubuntu run apt-get install -y {PACKAGES}"
            )
        self._mesh: Any = None
        self._still: Mesh | None = None
        self._picture, self._depth = np.zeros(0), np.zeros(0)
        self._behind, self._far = np.zeros(0), np.zeros(0)

    def __enter__(self) -> "Renderer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._window.destroy_window()

    def draw(self, mesh: Mesh, still: Mesh) -> NDArray[np.uint8]:
        """Draw two meshes, in the vehicle frame, lit.

        Args:
            mesh: what moves; always the same triangles.
            still: what does not; the same from the first picture to the last.

        Returns:
            The image, red, green, blue, shape (height, width, 3).
        """
        import cv2

        if self._still is None:
            self._still = still
            self._show(still)
            self._behind, self._far = self._shot()
            self._window.clear_geometries()
            self._mesh = self._show(mesh)
        else:
            assert still is self._still
            self._mesh.vertices = self._vectors(self._placed(mesh))
            self._mesh.vertex_colors = self._vectors(np.vstack([mesh.colors, AHEAD]))
            self._window.update_geometry(self._mesh)
        picture, depth = self._shot()
        before = (depth > 0.0) & ((depth < self._far) | (self._far == 0.0))
        self._picture = np.where(before[..., None], picture, self._behind)
        self._depth = np.where(before, depth, self._far)
        picture, pinhole = self._picture, self._lens.pinhole
        if self.finer > 1:
            picture = cv2.resize(
                picture, (pinhole.width, pinhole.height), interpolation=cv2.INTER_AREA
            )
        picture = self._lens.bend(picture)
        image: NDArray[np.uint8] = np.clip(np.rint(picture * 255.0), 0, 255).astype(np.uint8)
        return image

    @property
    def pinhole(self) -> Camera:
        """The camera without its lens, by which is drawn."""
        return self._lens.pinhole

    def depth(self) -> Array:
        """How far along the axis is what was drawn last, metres, 0 where nothing is.

        Of the pinhole camera, before its picture is bent; shape (height, width) times `finer`.
        """
        return self._depth

    def _shot(self) -> tuple[Array, Array]:
        """Colours and depth of what is shown."""
        self._window.poll_events()
        self._window.update_renderer()
        shot = (
            self._window.capture_screen_float_buffer(do_render=False),
            self._window.capture_depth_float_buffer(do_render=False),
        )
        return np.array(shot[0]), np.array(shot[1])

    def _vectors(self, values: Array) -> Any:
        return self._o3d.utility.Vector3dVector(values)

    def _placed(self, mesh: Mesh) -> Array:
        return np.vstack([self._view.view(mesh.vertices), AHEAD])

    def _show(self, mesh: Mesh) -> Any:
        """Show a mesh, and set up camera and options."""
        shown = self._o3d.geometry.TriangleMesh()
        shown.vertices = self._vectors(self._placed(mesh))
        shown.vertex_colors = self._vectors(np.vstack([mesh.colors, AHEAD]))
        shown.triangles = self._o3d.utility.Vector3iVector(mesh.triangles)
        self._window.add_geometry(shown)
        option = self._window.get_render_option()
        option.light_on, option.mesh_show_back_face = False, True
        option.background_color = np.array([0.9, 0.93, 0.97])
        view, control = self._view, self._window.get_view_control()
        parameters = self._o3d.camera.PinholeCameraParameters()
        middle = (view.width / 2.0 - 0.5, view.height / 2.0 - 0.5)
        parameters.intrinsic = self._o3d.camera.PinholeCameraIntrinsic(
            view.width, view.height, view.fx, view.fy, *middle
        )
        parameters.extrinsic = np.eye(4)
        control.convert_from_pinhole_camera_parameters(parameters, True)
        control.set_constant_z_near(0.05)
        control.set_constant_z_far(200.0)
        return shown


def _open3d() -> Any:
    try:
        import open3d
    except ImportError as error:
        raise MissingDependencyError(
            "drawing the cabin needs the package 'open3d', which is not installed: "
            "run pip install 'kpcomplete[cabin]'"
        ) from error
    return open3d
