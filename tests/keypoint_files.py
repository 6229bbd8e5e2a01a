"""Small files of every format that can be imported, all with the same two people."""

import json

import numpy as np

from kpcomplete.skeleton import Skeleton, convert
from kpcomplete.source.synthetic import Synthetic

LENGTH = 6
SIZE = (640, 480)


def people(skeleton, count=2, hidden=True):
    """Return ``[P, T, J, 2]`` pixels in a skeleton; the right wrist is NaN in frame 2."""
    synthetic = Synthetic(length=LENGTH, seats=("a", "b"), image_size=SIZE)
    canonical = Skeleton.load("blazepose33")
    points = np.stack(list(synthetic.truth.values()))[:count].copy()
    if hidden:
        points[:, 2, canonical.index("right_wrist")] = np.nan
    return convert(points, canonical, Skeleton.load(skeleton)).astype(np.float64).round(3)


def rows(points, confidence=0.5):
    """Return ``[J, 3]`` with 0, 0, 0 for what is missing."""
    seen = np.isfinite(points).all(axis=-1)
    return np.column_stack([np.where(seen[:, None], points, 0), seen * confidence])


def openpose(folder, skeleton="body25"):
    folder.mkdir()
    poses = people(skeleton)
    for t in range(LENGTH):
        order = (0, 1) if t % 2 else (1, 0)  # OpenPose keeps no order
        found = [{"person_id": [-1], "pose_keypoints_2d": rows(poses[p, t]).ravel().tolist()}
                 for p in order]  # fmt: skip
        file = folder / f"drive_{t:012d}_keypoints.json"
        file.write_text(json.dumps({"version": 1.3, "people": found}))
    return folder


def coco(path, names=None):
    poses, number = people("coco17"), 0
    annotations = []
    for t in range(LENGTH):
        for p in range(2):
            number += 1
            flat = rows(poses[p, t], 2)
            annotations.append({"id": number, "image_id": 100 + t, "category_id": 1,
                                "keypoints": flat.ravel().tolist()})  # fmt: skip
    images = [{"id": 100 + t, "width": SIZE[0], "height": SIZE[1]} for t in range(LENGTH)]
    names = names or Skeleton.load("coco17").joints
    document = {
        "images": images[::-1],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person", "keypoints": list(names)}],
    }
    path.write_text(json.dumps(document))
    return path


def coco_results(path):
    poses = people("coco17")
    document = [
        {"image_id": t, "category_id": 1, "score": 0.9,
         "keypoints": rows(poses[p, t]).ravel().tolist()}
        for t in range(LENGTH) for p in range(2)
    ]  # fmt: skip
    path.write_text(json.dumps(document))
    return path


def mmpose(path, skeleton="coco17", count=None, meta=True):
    poses = people(skeleton)
    frames = []
    for t in range(LENGTH):
        instances = []
        for p in range(2):
            points = rows(poses[p, t])
            more = (count or len(points)) - len(points)
            points = np.concatenate([points, np.ones((more, 3))])
            instances.append(
                {"keypoints": points[:, :2].tolist(), "keypoint_scores": points[:, 2].tolist()}
            )
        frames.append({"frame_id": t + 1, "instances": instances})
    names = {str(i): name for i, name in enumerate(Skeleton.load(skeleton).joints)}
    info = {"keypoint_id2name": names} if meta else {}
    path.write_text(json.dumps({"meta_info": info, "instance_info": frames}))
    return path


def sktdd(path):
    poses = people("body25")
    lines = ["FrameNumber,PersonID," + ",".join(f"x{j},y{j}" for j in range(25))]
    for view in range(2):
        for t in range(LENGTH):
            flat = rows(poses[view, t])[:, :2].ravel()
            lines.append(f"{t},{view}," + ",".join(map(str, flat)))
            if t == 3:  # as the real files do
                lines.append(lines[-1])
    path.write_text("\n".join(lines) + "\n")
    return path


def mediapipe_json(path):
    poses = people("blazepose33", hidden=False) / SIZE
    frames = [
        [[{"x": x, "y": y, "z": 0.0, "visibility": 0.5} for x, y in poses[p, t]] for p in range(2)]
        for t in range(LENGTH)
    ]
    path.write_text(json.dumps({"fps": 30, "image_size": SIZE, "frames": frames}))
    return path


def table(path):
    poses, skeleton = people("coco17"), Skeleton.load("coco17")
    lines = ["frame,time_s,person,joint,x,y,confidence"]
    for t in range(LENGTH):
        for p in range(2):
            for j, joint in enumerate(skeleton.joints):
                x, y = poses[p, t, j]
                place = "," if np.isnan(x) else f"{x},{y}"
                lines.append(f"{t},{t / 30:.6f},person{p},{joint},{place},0.5")
    path.write_text("\n".join(lines))
    return path


def deeplabcut(path, individuals=True):
    poses, joints = people("coco17"), Skeleton.load("coco17").joints
    count = 2 if individuals else 1
    columns = [(f"person{p}", j, c) for p in range(count) for j in joints
               for c in ("x", "y", "likelihood")]  # fmt: skip
    head = [["scorer"] + ["DLC"] * len(columns)]
    if individuals:
        head.append(["individuals"] + [c[0] for c in columns])
    head += [["bodyparts"] + [c[1] for c in columns], ["coords"] + [c[2] for c in columns]]
    for t in range(LENGTH):
        row = [str(t)]
        for p in range(count):
            for x, y in poses[p, t]:
                row += ["", "", ""] if np.isnan(x) else [str(x), str(y), "0.5"]
        head.append(row)
    path.write_text("\n".join(",".join(row) for row in head))
    return path


# name of conf/importer/*.yaml: (writer, name of the file, skeleton of the joints that come back)
FILES = {
    "openpose": (openpose, "json", "body25"),
    "coco": (coco, "coco.json", "coco17"),
    "mmpose": (mmpose, "mmpose.json", "coco17"),
    "sktdd": (sktdd, "00001.csv", "body25"),
    "mediapipe_json": (mediapipe_json, "pose.json", "blazepose33"),
    "table": (table, "table.csv", "coco17"),
    "deeplabcut": (deeplabcut, "dlc.csv", "coco17"),
}
