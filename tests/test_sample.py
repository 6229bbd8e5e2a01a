from dataclasses import replace

import av
import numpy as np
import pytest
from recorded_people import recorded

from kpcomplete import sample
from kpcomplete.app import cli
from kpcomplete.app.demo import solid
from kpcomplete.archive import read_archive
from kpcomplete.errors import SourceError


def test_clip_and_truth_belong_together():
    truth = sample.read_truth()
    assert set(truth) == {"driver", "passenger"}
    with av.open(str(sample.CLIP)) as container:
        frames = container.streams.video[0].frames
    for true in truth.values():
        assert true.keypoints.shape == (frames, 33, 2)
        assert np.isfinite(true.joints3d).all()
        assert 0.2 < true.visible.mean() < 0.8


def test_another_file_is_no_truth(tmp_path):
    with pytest.raises(SourceError, match="must be the truth of a drawn clip"):
        sample.read_truth(sample.CLIP)


def test_3d_is_compared_with_the_truth(tmp_path):
    about = read_archive(recorded(tmp_path / "a.parquet", length=5))
    true = {
        seat: replace(given, joints3d=about.joints3d[seat] + np.float32([0.1, 0, 0]))
        for seat, given in sample.read_truth().items()
    }
    found = dict(solid(true, about))
    assert found["driver"].startswith("3D: joints 0.0 cm off, from the shoulders; nose 10.0 cm")
    assert dict(solid({"driver": true["driver"]}, about)).keys() == {"driver"}


@pytest.mark.slow
def test_the_demo_ends_well_and_completion_beats_nothing(tmp_path, capsys):
    cli.run("demo", f"output_dir={tmp_path}")
    said = capsys.readouterr().out
    lines = {tuple(line.split()[:2]): line for line in said.splitlines() if "px" in line}
    assert len([key for key in lines if key[0] in ("driver", "passenger")]) == 4
    solid = [line.split() for line in said.splitlines() if " 3D: " in line]
    assert [line[0] for line in solid] == ["driver", "passenger"]
    assert all(2 < float(line[3]) < 15 and float(line[-5]) < 15 for line in solid)  # cm
    assert "occupant: child" in next(x for x in said.splitlines() if x.startswith("passenger  pos"))
    assert all((tmp_path / f"cabin{e}").exists() for e in (".parquet", ".overlay.mp4", ".plot.png"))
