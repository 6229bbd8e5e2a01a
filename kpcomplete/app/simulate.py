"""Command that simulates many seated people in 3D: material to train completers with."""

import json
import logging
from dataclasses import asdict
from pathlib import Path

import numpy as np
from omegaconf import DictConfig
from safetensors.numpy import save
from tqdm import tqdm

from kpcomplete.app.command import command
from kpcomplete.cabin.crowd import draw_shape, film
from kpcomplete.cabin.puppet import Wardrobe
from kpcomplete.data.simulated import Contents
from kpcomplete.errors import SettingError
from kpcomplete.output import whole

log = logging.getLogger(__name__)


def simulate(
    output: str | Path,
    *,
    bodies: int = 96,
    clips: int = 5,
    frames: int = 240,
    fps: float = 30.0,
    seed: int = 0,
) -> Path:
    """Simulate people who sit in a car, and write where their 33 landmarks are.

    Args:
        output: File to write, ``.safetensors``; see `kpcomplete.data.simulated`.
        bodies: How many different people.
        clips: Of each person; each time the person sits down anew.
        frames: Of each clip.
        fps: Frames a second.
        seed: The same seed gives the same file.

    Returns:
        The file.

    Raises:
        SettingError: If a number is too small.
        MissingDependencyError: If anny is not installed.
        OutputError: If the file cannot be written.
    """
    if min(bodies, clips) < 1 or frames < 2 or fps <= 0:
        raise SettingError(
            f"simulate needs at least 1 body, 1 clip, 2 frames and fps > 0, but got bodies="
            f"{bodies}, clips={clips}, frames={frames}, fps={fps}"
        )
    with whole(output) as temporary:
        wardrobe, done, shapes, owner = Wardrobe(), [], [], []
        with tqdm(total=bodies * clips * frames, unit="frame", disable=None) as bar:
            for body in range(bodies):
                rng = np.random.default_rng([seed, body])  # any body alone gives the same
                shapes.append(draw_shape(body, rng))
                puppet = wardrobe.puppet(shapes[-1])
                for _ in range(clips):
                    done.append(film(puppet, shapes[-1], frames, fps, rng))
                    owner.append(body)
                    bar.update(frames)
        contents = Contents(
            fps=fps,
            people=[f"sim_{body:03d}" for body in owner],
            lengths=[frames] * len(done),
            seats=[clip.seat for clip in done],
            acts=[list(clip.acts) for clip in done],
            shapes={f"sim_{body:03d}": shape for body, shape in enumerate(shapes)},
            seed=seed,
        )
        joints = np.concatenate([clip.joints for clip in done]).astype(np.float16)
        header = {Contents.KEY: json.dumps(asdict(contents))}
        Path(temporary).write_bytes(save({"joints": joints}, metadata=header))
    return Path(output)


@command("simulate")
def main(cfg: DictConfig) -> None:
    """Simulate as configured, and say what was written."""
    logging.getLogger("kpcomplete").setLevel(logging.INFO)
    values = {str(key): value for key, value in cfg.items()}
    path = simulate(values.pop("output"), **values)
    log.info("wrote %s, %d bytes", path, path.stat().st_size)


if __name__ == "__main__":
    main()
