"""Small sound files of every kind that comes from elsewhere, to be broken."""

import io
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors.torch import save

from kpcomplete.archive import FORMAT, KEY, rows
from kpcomplete.checkpoint import FORMAT as CHECKPOINT
from kpcomplete.journal import Journal
from kpcomplete.model.mlp import MLP
from kpcomplete.pose import PoseSequence
from kpcomplete.skeleton import CANONICAL, Skeleton

LENGTH, SIZE = 3, (640, 480)


def points(skeleton: str, person: int = 0) -> Any:
    """Return somebody's joints ``[T, J, 2]`` in pixels."""
    joints = len(Skeleton.load(skeleton))
    random = np.random.default_rng(person)
    start = random.uniform(200, 260, (1, joints, 2)) + 150 * person
    return (start + 2.0 * np.arange(LENGTH)[:, None, None]).round(1)


def keypoints() -> list[bytes]:
    """Return a file of each format that is imported."""
    coco, body, pose = (points(name) for name in ("coco17", "body25", CANONICAL))
    other = points("coco17", 1)
    names = Skeleton.load("coco17").joints

    def flat(pose: Any, last: float) -> list[float]:
        out: list[float] = np.column_stack([pose, np.full(len(pose), last)]).ravel().tolist()
        return out

    documents: list[Any] = [
        {"images": [{"id": t, "width": 640, "height": 480, "frame": t, "time": t / 30}
                    for t in range(LENGTH)],
         "annotations": [{"image_id": t, "keypoints": flat(p[t], 2), "track_id": i}
                         for t in range(LENGTH) for i, p in enumerate((coco, other))],
         "categories": [{"name": "person", "keypoints": list(names)}], "info": {"fps": 25}},
        [{"image_id": t, "keypoints": flat(p[t], 0.5), "score": 1.0}
         for t in range(LENGTH) for p in (coco, other)],
        {"meta_info": {"keypoint_id2name": dict(enumerate(names))},
         "instance_info": [{"frame_id": t, "instances": [
             {"keypoints": coco[t].tolist(), "keypoint_scores": [0.5] * 17}]}
             for t in range(LENGTH)]},
        {"fps": 30, "image_size": SIZE, "frames": [
            [[{"x": x / 640, "y": y / 480, "z": 0, "visibility": 0.5} for x, y in pose[t]]]
            for t in range(LENGTH)]},
        {"version": 1.3, "people": [
            {"person_id": [-1], "pose_keypoints_2d": flat(body[0], 0.5)}]},
    ]  # fmt: skip
    head = ",".join(f"x{j},y{j}" for j in range(25))
    sktdd = [f"FrameNumber,PersonID,{head}"]
    sktdd += [f"{t},{view}," + ",".join(map(str, body[t].ravel()))
              for view in (0, 2) for t in range(LENGTH)]  # fmt: skip
    table = ["frame,time_s,person,joint,x,y,confidence"]
    table += [f"{t},{t / 30:.4f},{name},{joint},{p[t, j, 0]},{p[t, j, 1]},0.5"
              for name, p in (("a", coco), ("b", other)) for t in range(LENGTH)
              for j, joint in enumerate(names)]  # fmt: skip
    dlc = [["scorer", *["DLC"] * 51], ["bodyparts", *np.repeat(names, 3)],
           ["coords", *["x", "y", "likelihood"] * 17]]  # fmt: skip
    dlc += [[str(t), *map(str, flat(coco[t], 0.5))] for t in range(LENGTH)]
    tables = ["\n".join(sktdd), "\n".join(table), "\n".join(",".join(row) for row in dlc)]
    return [*(json.dumps(d).encode() for d in documents), *(text.encode() for text in tables)]


def archive() -> tuple[pa.Table, dict[str, Any]]:
    """Return the table of an archive, and what stands in its footer."""
    poses = PoseSequence.observed(
        points(CANONICAL).astype(np.float32), skeleton=Skeleton.load(CANONICAL), fps=30.0,
        image_size=SIZE,
    )  # fmt: skip
    seats = {"driver": poses, "passenger": poses}
    table = rows(np.arange(LENGTH), np.arange(LENGTH) / 30, seats, seats, {})
    about = {
        "format": FORMAT, "source": "drive.mp4", "fps": 30.0, "image_size": list(SIZE),
        "seats": list(seats), "skeleton": Skeleton.load(CANONICAL).as_dict(), "camera": None,
        "classes": False, "tasks": {}, "provenance": {"versions": {}},
    }  # fmt: skip
    return table, about


def parquet(table: pa.Table, about: Any) -> bytes:
    """Return a table and its footer as a file."""
    target = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({KEY: json.dumps(about)}), target)
    return target.getvalue()


def journal() -> bytes:
    """Return the journal of a live recording that was killed."""
    table, about = archive()
    with tempfile.TemporaryDirectory() as folder:
        writer = Journal(Path(folder) / "a.parquet", table.schema)
        for first in range(0, table.num_rows, 66):
            writer.add(table.slice(first, 66), about)
        writer.close()
        return writer.path.read_bytes()


def checkpoint() -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return the tensors of a small network, and what stands in the header of its file."""
    network = MLP(widths=[4, 2])
    about = {
        "format": CHECKPOINT, "network": "kpcomplete.model.mlp.MLP",
        "arguments": dict(network.arguments), "skeleton": Skeleton.load(CANONICAL).as_dict(),
        "provenance": {"seed": 0, "history": [{"step": 1.0}]},
    }  # fmt: skip
    return dict(network.state_dict()), about


def safetensors(tensors: dict[str, torch.Tensor], about: Any) -> bytes:
    """Return tensors and their header as a file."""
    return bytes(save(tensors, metadata={"kpcomplete": json.dumps(about)}))


def cameras() -> list[bytes]:
    """Return a camera file of each kind."""
    opencv = (
        "%YAML:1.0\n---\nimage_width: 640\nimage_height: 480\ncamera_matrix: !!opencv-matrix\n"
        "   rows: 3\n   cols: 3\n   dt: d\n   data: [500., 0., 320., 0., 500., 240., 0., 0., 1.]\n"
        "distortion_coefficients: [0.1, 0.0, 0.0, 0.0]\n"
    )
    plain = {
        "image_size": [640, 480], "K": [[500, 0, 320], [0, 500, 240], [0, 0, 1]],
        "D": [0.1, 0, 0, 0], "R": np.eye(3).tolist(), "T": [0, 0, 1],
    }  # fmt: skip
    toml = (
        '[cam]\nname = "a"\nsize = [640.0, 480.0]\nmatrix = [[500.0, 0.0, 320.0], '
        "[0.0, 500.0, 240.0], [0.0, 0.0, 1.0]]\ndistortions = [0.1, 0.0, 0.0, 0.0]\n"
        "rotation = [0.0, 0.1, 0.0]\ntranslation = [0.0, 0.0, 1.0]\n"
    )
    pose = " ".join(f'r{a}{b}="{int(a == b)}"' for a in (1, 2, 3) for b in (1, 2, 3))
    qualisys = (
        '<calibration><cameras><camera serial="7"><fov_video left="0" top="0" right="639" '
        f'bottom="479"/><transform x="0" y="0" z="0" {pose}/><intrinsic focalLengthU="32000" '
        'focalLengthV="32000" centerPointU="20480" centerPointV="15360" '
        + " ".join(f'{kind}alDistortion{n}="0"' for kind in ("radi", "tangent") for n in (1, 2))
        + "/></camera></cameras></calibration>"
    )
    return [opencv.encode(), json.dumps(plain).encode(), toml.encode(), qualisys.encode()]


def labels() -> bytes:
    """Return a label file."""
    rows = ("0,10,posture,upright", "10,20,posture,leaning")
    return "\n".join(
        ["file,seat,from,to,task,class", *(f"a.parquet,driver,{r}" for r in rows)]
    ).encode()


def config() -> dict[str, Any]:
    """Return a config that names classes."""
    return {
        "completer": {"_target_": "kpcomplete.completer.hold.Hold"},
        "parts": [{"_target_": "kpcomplete.skeleton.Skeleton.load", "name": "coco17"}],
    }
