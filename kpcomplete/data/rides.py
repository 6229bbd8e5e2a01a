"""How simulated rides become a file, ride by ride and then all of them."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from kpcomplete.cabin.edition import EDITION
from kpcomplete.cabin.outing import Outing
from kpcomplete.cabin.postures import POSTURES
from kpcomplete.cabin.visibility import CAUSES
from kpcomplete.data.simulated import Contents


def pack(outing: Outing) -> bytes:
    """One ride as a file: its clips' arrays, and in the header what `Contents` wants of them."""
    joints, dash = (
        np.concatenate([getattr(clip, name) for clip in outing.clips]).astype(np.float32)
        for name in ("joints", "dash")
    )
    causes, posture = (
        np.concatenate([getattr(clip, name) for clip in outing.clips])
        for name in ("causes", "posture")
    )
    about = [
        {
            "people": clip.person.name,
            "lengths": len(clip.joints),
            "seats": clip.seat,
            "acts": list(clip.acts),
            "shapes": clip.person.shape,
            "occupants": clip.person.kind,
            "themes": clip.theme,
            "motions": clip.source,
            "cars": outing.car,
            "cameras": [camera.as_dict() for camera in outing.cameras],
        }
        for clip in outing.clips
    ]
    tensors: dict[str, NDArray[Any]] = {
        "joints": joints, "dash": dash, "causes": causes, "posture": posture,
    }  # fmt: skip
    packed: bytes = save(tensors, metadata={Contents.KEY: json.dumps(about)})
    return packed


def join(parts: Path, rides: int, fps: float, seed: int, path: Path) -> None:
    """Write all rides as one file.

    Args:
        parts: folder of what `pack` made, ``NUMBER.safetensors``.
        rides: how many there are.
        fps: frames a second.
        seed: of the simulation.
        path: file to write.
    """
    arrays: list[dict[str, NDArray[Any]]] = []
    about: list[dict[str, Any]] = []
    for ride in range(rides):
        content = (parts / f"{ride}.safetensors").read_bytes()
        arrays.append(load(content))
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])["__metadata__"][Contents.KEY]
        about += [clip | {"rides": ride} for clip in json.loads(header)]
    columns = ("people", "lengths", "seats", "acts", "occupants", "themes", "rides", "cars",
               "cameras", "motions")  # fmt: skip
    shapes = {str(clip["people"]): clip["shapes"] for clip in about}
    contents = Contents(
        fps=fps,
        seed=seed,
        shapes=dict(sorted(shapes.items())),
        causes=CAUSES,
        postures=POSTURES,
        edition=EDITION,
        **{name: [clip[name] for clip in about] for name in columns},
    )
    tensors = {name: np.concatenate([part[name] for part in arrays]) for name in arrays[0]}
    path.write_bytes(save(tensors, metadata={Contents.KEY: json.dumps(asdict(contents))}))
