from dataclasses import replace

import numpy as np
import pytest
import torch
from drawn_scenes import file_of, scene

from kpcomplete.data.drawn_occupants import DrawnOccupants
from kpcomplete.data.occupants import OCCUPANTS, POSITIONS
from kpcomplete.errors import SourceError


def test_classes_come_with_what_was_seen(tmp_path):
    one = scene("a", fps=30.0)
    one.posture[:] = [0, 0, 2, 2, 7, 7]
    one.confidence[2, 15] = 0.1
    data = DrawnOccupants(files=[file_of(tmp_path, one, scene("b"))]).load()
    assert data.poses.clips.tolist() == [[0, 3], [3, 6]]
    assert data.targets["position"][:3].tolist() == [0, POSITIONS.index("reclined"), -1]
    assert set(data.targets["occupant"].tolist()) == {OCCUPANTS.index("adult_50")}
    assert data.poses.keypoints[1, 15].isnan().all()
    torch.testing.assert_close(
        data.poses.keypoints[0], torch.from_numpy(one.keypoints[0] / np.float32(640))
    )


def test_other_frame_rates_and_older_files_are_refused(tmp_path):
    with pytest.raises(SourceError, match="multiples of 15, but there are 24 frames"):
        DrawnOccupants(files=[file_of(tmp_path, scene(fps=24.0))]).load()
    with pytest.raises(SourceError, match="was written before"):
        DrawnOccupants(files=[file_of(tmp_path, replace(scene(), posture=None))]).load()
