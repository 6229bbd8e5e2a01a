"""Pictures of scenes, drawn in a window that nobody sees."""

import os
from typing import Any

from kpcomplete.cabin.render import PACKAGES
from kpcomplete.display import runtime_dir
from kpcomplete.errors import RenderError
from kpcomplete.format._probe import working
from kpcomplete.format._stage import Stage, open3d
from kpcomplete.pose import Array
from kpcomplete.scene.parts import Scene
from kpcomplete.scene.view import View


class Hidden:
    """A window that nobody sees, to draw pictures in.

    Args:
        size: Width, height of the pictures in pixels.
        finer: Pixels drawn for each pixel shown, each way, against jagged edges.

    Raises:
        RenderError: If none can be made, with the system packages that are needed. It was tried in
            a process of its own before, as a broken driver may end the process.
    """

    def __init__(self, size: tuple[int, int], finer: int = 2) -> None:
        self.size, self._finer = size, finer
        package = open3d()
        for name in working().without:
            os.environ.pop(name, None)
        # what Open3D says of a machine without a screen is no news
        package.utility.set_verbosity_level(package.utility.VerbosityLevel.Error)
        self._window: Any = package.visualization.Visualizer()
        wide, high = size[0] * finer, size[1] * finer
        with runtime_dir():
            made = self._window.create_window(width=wide, height=high, visible=False)
        if not made:
            raise RenderError(
                "no window could be made to draw in, not even an invisible one: on Debian or "
                f"Ubuntu run apt-get install -y {PACKAGES}"
            )
        self._stage = Stage(self._window, (wide, high))

    def __enter__(self) -> "Hidden":
        return self

    def __exit__(self, *_: object) -> None:
        self._window.destroy_window()

    def draw(self, scene: Scene, view: View) -> Array:
        """Return the picture ``[H, W, 3]`` uint8 blue, green, red."""
        import cv2

        unit = self._finer * max(min(self.size) / 720, 0.5)
        picture = self._stage.blended(scene, view, unit=unit)
        if self._finer > 1:
            picture = cv2.resize(picture, self.size, interpolation=cv2.INTER_AREA)
        return picture
