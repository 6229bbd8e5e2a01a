"""Command that films the bundled sample clip in the simulated cabin, with its truth."""

import logging
from pathlib import Path

import numpy as np
from omegaconf import DictConfig

from kpcomplete.app.command import command
from kpcomplete.cabin.cameras import mirror
from kpcomplete.cabin.film import Film, develop
from kpcomplete.cabin.render import Renderer
from kpcomplete.cabin.ride import sample_ride
from kpcomplete.cabin.truth import Truth

log = logging.getLogger(__name__)


def make_sample(
    folder: str | Path,
    *,
    name: str = "cabin",
    duration: float = 10.0,
    fps: int = 30,
    size: tuple[int, int] = (640, 480),
    seed: int = 3,
    noise: float = 1.5,
    quality: float = 20.0,
) -> tuple[Path, Path]:
    """Film a driver and a child and write the clip and the truth.

    Args:
        folder: where the files go; made if it is not there.
        name: of the files, without ending.
        duration: seconds.
        fps: frames a second.
        size: width and height, pixels, even.
        seed: of what people do and of the noise; the same seed gives the same clip.
        noise: standard deviation of the sensor's noise, grey levels.
        quality: x264's constant rate factor, lower is better and larger.

    Returns:
        Paths of `NAME.mp4` and `NAME.truth.parquet`. Both appear only once they are complete.

    Raises:
        MissingDependencyError: If anny or open3d is not installed.
        RenderError: If this machine cannot draw.
    """
    folder, size = Path(folder), (size[0], size[1])
    folder.mkdir(parents=True, exist_ok=True)
    clip, table = folder / f"{name}.mp4", folder / f"{name}.truth.parquet"
    drafts = (clip.with_suffix(".part.mp4"), table.with_suffix(".part"))
    camera, rng = mirror(size), np.random.default_rng(seed)
    ride, truth = sample_ride(duration, seed), Truth(camera, fps, seed)
    frames = round(duration * fps)
    try:
        with Renderer(camera) as renderer, Film(drafts[0], size, fps, quality) as film:
            for frame in range(frames):
                moment = ride.at(frame / fps)
                picture = renderer.draw(*ride.mesh(moment, camera.center))
                film.add(develop(picture, moment.time, noise, rng))
                for seat, causes in ride.causes(moment, camera).items():
                    body = moment.bodies[seat]
                    truth.add(frame, seat, body.landmarks, causes)
                    truth.grow(seat, body.dressed)
                if (frame + 1) % (10 * fps) == 0 or frame + 1 == frames:
                    log.info("%d of %d frames", frame + 1, frames)
        truth.write(drafts[1])
        drafts[0].replace(clip)
        drafts[1].replace(table)
    finally:
        for draft in drafts:
            draft.unlink(missing_ok=True)
    return clip, table


@command("make_sample")
def main(cfg: DictConfig) -> None:
    """Film the sample as configured."""
    logging.getLogger("kpcomplete").setLevel(logging.INFO)
    values = {str(key): value for key, value in cfg.items()}
    width, height = values.pop("size")
    clip, table = make_sample(values.pop("folder"), size=(width, height), **values)
    log.info("wrote %s and %s", clip, table)


if __name__ == "__main__":
    main()
