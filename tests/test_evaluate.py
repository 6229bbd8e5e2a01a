"""Hiding joints on purpose, and what is said of their completion."""

import csv

import numpy as np
import pytest
import video_files

from kpcomplete.app import cli
from kpcomplete.frame import Detection, Frame
from kpcomplete.pose import PoseSequence
from kpcomplete.result import Person, Result
from kpcomplete.sink.robustness import Robustness
from kpcomplete.skeleton import Skeleton

SKELETON = Skeleton.load("blazepose33")


def person(keypoints):
    return PoseSequence.observed(keypoints, skeleton=SKELETON, fps=30, image_size=(640, 480))


def standing():
    """One frame: shoulders 100 px apart, the nose 40 px above; S is 100 px."""
    points = np.full((1, 33, 2), np.nan, dtype=np.float32)
    for joint, place in {"nose": (50, -40), "left_shoulder": (100, 0), "right_shoulder": (0, 0),
                         "left_wrist": (120, 80)}.items():  # fmt: skip
        points[0, SKELETON.index(joint)] = place
    return points


def test_figures_by_hand():
    truth = standing()
    wrist = SKELETON.index("left_wrist")
    raw, done = truth.copy(), truth.copy()
    raw[0, wrist] = np.nan
    done[0, wrist] += (30, 40)  # 50 px off, half a body unit
    visible = person(raw)
    filled = person(done)
    values = {name: getattr(filled, name) for name in filled.__dataclass_fields__}
    values["visibility"] = np.where(np.isnan(raw[..., 0]) & ~np.isnan(done[..., 0]), 1,
                                    filled.visibility).astype(np.uint8)  # fmt: skip
    completed = PoseSequence(**values)
    shown = Detection(keypoints=truth[0], confidence=np.ones(33, np.float32))
    frame = Frame(index=0, time=0.0, truth={"person": shown})
    sink = Robustness()
    with sink:
        sink.write(
            Result(
                frames=(frame,), people={"person": Person(observed=visible, completed=completed)}
            )
        )
    assert sink.figures["joint"] == ["all", "left_wrist"]
    assert sink.figures["hidden"] == [1, 1]
    assert sink.figures["missing"] == [0, 0]
    assert sink.figures["error"] == pytest.approx([0.5, 0.5])
    assert sink.figures["pck"] == [0, 0]


def write_poses(path, frames=90):
    """Somebody who waves, as a plain CSV."""
    rng = np.random.default_rng(0)
    rows = [["frame", "joint", "x", "y"]]
    for t in range(frames):
        for joint, place in {"nose": (320, 120), "left_eye": (330, 112), "right_eye": (310, 112),
                             "left_shoulder": (370, 180), "right_shoulder": (270, 180),
                             "left_elbow": (390, 260), "right_elbow": (250, 260),
                             "left_wrist": (380 + 40 * np.sin(t / 8), 330),
                             "right_wrist": (260, 330)}.items():  # fmt: skip
            x, y = np.array(place) + rng.normal(0, 0.3, 2)
            rows.append([t, joint, f"{x:.2f}", f"{y:.2f}"])
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_the_command_compares_completers_on_the_same_joints(tmp_path, capsys):
    poses = write_poses(tmp_path / "waving.csv")
    output = tmp_path / "figures.csv"
    cli.run("evaluate", f"source={poses}", "compare=[hold,linear,gaussian]", f"output='{output}'")
    said = capsys.readouterr().out
    assert said.splitlines()[3].split()[:2] == ["random_30", "left_forearm"]
    with open(output, newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["joint"] == "all"]
    gap = {r["completer"]: r for r in rows if r["mask"] == "gap_half_s"}
    assert len({r["hidden"] for r in gap.values()}) == 1
    assert float(gap["linear"]["error"]) < float(gap["hold"]["error"])
    forearm = {r["completer"]: r for r in rows if r["mask"] == "left_forearm"}
    assert float(forearm["hold"]["missing"]) == 1.0  # never seen: nothing to hold
    assert float(forearm["gaussian"]["missing"]) == 0.0


def test_videos_must_be_processed_first(tmp_path):
    video = video_files.write(tmp_path / "a.mp4")
    with pytest.raises(SystemExit, match="kpcomplete process source="):
        cli.run("evaluate", f"source={video}", f"output='{tmp_path / 'x.csv'}'")


@pytest.mark.parametrize("exporter", ["csv", "coco", "openpose", "netcdf", "trc"])
def test_stored_poses_are_exported_in_every_format(exporter, tmp_path, capsys):
    if exporter == "netcdf":
        pytest.importorskip("netCDF4")
    poses = write_poses(tmp_path / "waving.csv", frames=5)
    cli.run("export", f"source={poses}", f"exporter={exporter}", f"output_dir={tmp_path / 'out'}")
    assert "waving" in capsys.readouterr().out
    assert [p.name for p in (tmp_path / "out").iterdir()]


def test_an_export_never_replaces_its_source(tmp_path):
    poses = write_poses(tmp_path / "waving.csv", frames=5)
    before = poses.read_bytes()
    with pytest.raises(SystemExit, match="is the source itself"):
        cli.run("export", f"source={poses}", "exporter=csv")
    assert poses.read_bytes() == before
