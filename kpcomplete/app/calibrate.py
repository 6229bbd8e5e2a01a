"""Find a camera's intrinsics from pictures of a board."""

from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig

from kpcomplete import calibration
from kpcomplete.app.command import build, command, paths_of
from kpcomplete.board import calibrate
from kpcomplete.errors import SettingError


@command("calibrate")
def main(cfg: DictConfig) -> None:
    """Calibrate from every picture of ``source``, and write ``output``."""
    if cfg.every < 1:
        raise SettingError(f"every must be at least 1 frame, but is {cfg.every}")
    found = calibrate(build(cfg.board), pictures(cfg), name=cfg.name)
    calibration.write(cfg.output, found.camera)
    camera = found.camera
    print(
        f"{cfg.output}: {camera.width} x {camera.height}, fx {camera.fx:.1f}, fy {camera.fy:.1f}, "
        f"{camera.field_of_view:.1f} degrees; {found.pictures} pictures, corners "
        f"{found.error:.2f} pixels off, focal length ± {100 * found.unsure:.2f} %"
    )


def pictures(cfg: DictConfig) -> Iterator[Any]:
    """Yield the images of all recordings, every so many frames."""
    for path in paths_of(cfg):
        for frame in build(cfg.source)(path=path):
            if frame.image is not None and frame.index % cfg.every == 0:
                yield frame.image


if __name__ == "__main__":
    main()
