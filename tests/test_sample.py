import av
import numpy as np
import pytest

from kpcomplete import sample
from kpcomplete.app import cli
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


@pytest.mark.slow
def test_the_demo_ends_well_and_completion_beats_nothing(tmp_path, capsys):
    cli.run("demo", f"output_dir={tmp_path}")
    said = capsys.readouterr().out
    lines = {tuple(line.split()[:2]): line for line in said.splitlines() if "px" in line}
    assert len([key for key in lines if key[0] in ("driver", "passenger")]) == 4
    assert "occupant: child" in next(x for x in said.splitlines() if x.startswith("passenger  pos"))
    assert all((tmp_path / f"cabin{e}").exists() for e in (".parquet", ".overlay.mp4", ".plot.png"))
