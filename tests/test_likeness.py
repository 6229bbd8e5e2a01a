"""How like real people the simulated ones are."""

from dataclasses import replace

import numpy as np
import pytest

from kpcomplete.benchmark import joint_angles, likeness
from kpcomplete.cabin.landmarks import NAMES
from kpcomplete.camera import Camera
from kpcomplete.data.take import Take
from kpcomplete.errors import SourceError

#: Metres: elbow hanging, forearm level and ahead.
SITS = {"shoulder": (0.2, 0.1, 0.5), "elbow": (0.2, 0.1, 0.2), "wrist": (0.2, -0.2, 0.2),
        "hip": (0.1, 0.0, 0.0)}  # fmt: skip


def take(motion="reach", seat="driver", view="mirror", lift=0.0):
    """Somebody who sits still; the wrists are lifted by some metres."""
    cabin = np.zeros((10, 33, 3), np.float32)
    for part, place in SITS.items():
        for side, flip in (("left", 1.0), ("right", -1.0)):
            cabin[:, NAMES.index(f"{side}_{part}")] = np.array(place) * [flip, 1.0, 1.0]
    cabin[:, [NAMES.index("left_wrist"), NAMES.index("right_wrist")], 2] += lift
    camera = Camera(name=view, width=64, height=48, fx=50.0, fy=50.0, cx=32.0, cy=24.0)
    return Take(
        person="sim_000", seat=seat, occupant="adult_50", theme="plain", motion=motion,
        car="car_00", ride=0, fps=30.0, camera=camera, cabin=cabin, points=cabin,
        keypoints=cabin[..., :2], cause=np.full((10, 33), "visible"),
        posture=np.full(10, "in_position"), dash=np.zeros(10),
    )  # fmt: skip


def test_angles_of_arms_that_are_raised():
    found = joint_angles.of_take(take(), 5)
    assert found["elbow"] == pytest.approx([90.0] * 4)
    assert found["arm"] == pytest.approx([0.0] * 4)
    assert found["lean"] == pytest.approx([0.0] * 2)
    assert len(joint_angles.of_take(take(), 5, raised=True)["elbow"]) == 0
    assert len(joint_angles.of_take(take(lift=0.3), 5, raised=True)["elbow"]) == 4


def test_a_trunk_leans_and_twists_away_from_its_median():
    points = np.array([[0.2, 0, 0.5], [-0.2, 0, 0.5], [0.1, 0, 0], [-0.1, 0, 0]])
    points = np.stack([points] * 5)
    points[0, :2, 1] -= 0.5  # shoulders are as far ahead as they are high
    points[1, 0, 1], points[1, 1, 1] = 0.2, -0.2  # the left one is behind
    found = joint_angles.trunk(points)
    assert found["lean"] == pytest.approx([45, 0, 0, 0, 0])
    assert found["twist"] == pytest.approx([0, 45, 0, 0, 0])


@pytest.fixture
def files(tmp_path, monkeypatch):
    """What to compare, with people as simulated and shares of sktDD that need no files."""
    from test_recorded import write as write_arms
    from whole_bodies import write as write_whole

    people = [take(view=kind) for kind in likeness.VIEWS.values()]
    people.append(take("cmu_A", "passenger", lift=0.3))
    half = {view: dict.fromkeys(likeness._JOINTS, 0.5) for view in likeness.VIEWS}
    monkeypatch.setattr(likeness, "takes", lambda file: iter(people))
    monkeypatch.setattr(likeness, "_found", lambda folder: half)
    return {
        "simulated": "crowd.safetensors", "sktdd": tmp_path,
        "mocap": write_arms(tmp_path / "arms.npz"),
        "whole": write_whole(tmp_path / "whole.npz", subject=np.array(["cmu_A", "cmu_A", "cmu_B"])),
        "plot": tmp_path / "a.png",
    }, people  # fmt: skip


def test_people_are_compared_with_whom_they_move_like(files, capsys):
    arguments, _ = files
    found = likeness.run(**arguments)
    assert found["visible_gap"] == pytest.approx(0.5)
    assert {f"whole_{name}_overlap" for name in ("elbow", "arm", "lean", "twist")} < set(found)
    assert all(0.0 <= share <= 1.0 for share in found.values())
    assert found["whole_twist_overlap"] == pytest.approx(1.0)  # nobody twists
    assert arguments["plot"].read_bytes().startswith(b"\x89PNG")
    assert "mirror     right_wrist" in capsys.readouterr().out
    alone = likeness.run(**arguments | {"whole": None})
    assert set(alone) == {"elbow_overlap", "arm_overlap", "visible_gap"}


def test_a_view_at_which_nobody_looked_is_named(files):
    arguments, people = files
    people[0] = replace(people[0], seat="passenger")
    with pytest.raises(SourceError, match="has none with mirror: simulate more rides"):
        likeness.run(**arguments)
