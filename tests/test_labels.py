"""Label files: what they hold, and all that can be wrong with them."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from kpcomplete.data import PoseSet
from kpcomplete.data.labelled import NONE, LabelledBatch, LabelledSampler, LabelledSet
from kpcomplete.data.labels import COLUMNS, Label, read_labels, write_labels
from kpcomplete.errors import SettingError, ShapeError, SourceError

TASKS = {"attention": ("normal", "distracted"), "occupant": ("child", "adult")}
RECORDINGS = {"a.parquet": {"driver": 100, "codriver": 50}}


def label(start, end, task="attention", answer="normal", seat="driver", file="a.parquet"):
    return Label(file=file, seat=seat, start=start, end=end, task=task, answer=answer)


def test_what_was_written_is_read(tmp_path):
    labels = [label(0, 10), label(10, 20, answer="distracted"), label(0, 9, "occupant", "adult")]
    write_labels(tmp_path / "l.csv", labels)
    found = read_labels(tmp_path / "l.csv", TASKS, RECORDINGS)
    assert [(x.start, x.end, x.task, x.answer) for x in found] == [
        (x.start, x.end, x.task, x.answer) for x in labels
    ]
    assert [x.line for x in found] == [2, 3, 4]
    columns = zip(*[("a.parquet", "driver", 0, 5, "occupant", "adult")], strict=True)
    pq.write_table(
        pa.table(dict(zip(COLUMNS, map(list, columns), strict=True))), tmp_path / "l.parquet"
    )
    assert read_labels(tmp_path / "l.parquet", TASKS)[0].answer == "adult"


def test_all_problems_are_told_at_once_with_their_lines(tmp_path):
    lines = [
        ",".join(COLUMNS),
        "a.parquet,driver,0,10,attention,normal",
        "a.parquet,driver,5,12,attention,distracted",
        "a.parquet,driver,30,20,attention,normal",
        "a.parquet,driver,x,20,attention,normal",
        "b.parquet,driver,0,20,attention,normal",
        "a.parquet,rear,0,20,attention,normal",
        "a.parquet,codriver,40,60,attention,asleep",
        "a.parquet,driver,50,60,belt,on",
    ]
    (tmp_path / "l.csv").write_text("\n".join(lines))
    with pytest.raises(SourceError) as error:
        read_labels(tmp_path / "l.csv", TASKS, RECORDINGS)
    text = str(error.value)
    assert "8 problems" in text
    for part in (
        "line 3: span 5 to 12 overlaps line 2 (0 to 10)",
        "line 4: span 30 to 20",
        "line 5: from and to must be frame numbers, but are 'x' and '20'",
        "line 6: no recording 'b.parquet'",
        "line 7: a.parquet has no seat 'rear'; it has driver, codriver",
        "line 8: unknown class 'asleep' of attention; there are normal, distracted",
        "line 8: span ends at 60, but a.parquet has 50 frames",
        "line 9: unknown task 'belt'; there are attention, occupant",
    ):
        assert part in text


def test_a_file_that_is_no_label_file(tmp_path):
    (tmp_path / "l.csv").write_text("file,seat\n1,2\n")
    with pytest.raises(SourceError, match="lacks from, to, task, class"):
        read_labels(tmp_path / "l.csv", TASKS)
    (tmp_path / "l.parquet").write_bytes(b"no")
    with pytest.raises(SourceError, match="cannot be read"):
        read_labels(tmp_path / "l.parquet", TASKS)


def poses(lengths=(40, 30), people=("p", "q")):
    draw = torch.Generator().manual_seed(0)
    clips = [100 * torch.rand(n, 33, 2, generator=draw) for n in lengths]
    return PoseSet.from_clips(clips, people=people, views=["mirror"] * len(lengths), fps=30.0)


def labelled():
    labels = [label(0, 30, answer="normal"), label(30, 40, answer="distracted")]
    labels += [label(5, 25, "occupant", "adult", seat="codriver")]
    clips = [("a.parquet", "driver"), ("a.parquet", "codriver")]
    return LabelledSet.from_labels(poses(), TASKS, labels, clips)


def test_labels_become_classes_of_frames():
    found = labelled()
    assert found.targets["attention"][:40].tolist() == [0] * 30 + [1] * 10
    assert (found.targets["attention"][40:] == NONE).all()
    assert found.targets["occupant"].unique(return_counts=True)[1].tolist() == [50, 20]
    one, other = found.split(["q"])
    assert one.poses.people == ("p",)
    assert (other.targets["occupant"] == 1).sum() == 20


def test_windows_have_the_class_of_their_last_frame():
    batch = labelled().windows(8, 4)
    assert isinstance(batch, LabelledBatch)
    assert batch.targets["attention"][:9].tolist() == [0, 0, 0, 0, 0, 0, 1, 1, 1]
    torch.testing.assert_close(batch.keypoints[1, 0], labelled().poses.keypoints[4])


def test_rare_classes_are_drawn_as_often():
    sampler = LabelledSampler(data=labelled(), length=8, labelled=0.75)
    batch = sampler.draw(400, torch.Generator().manual_seed(0))
    found = batch.targets["attention"][:300], batch.targets["occupant"][:300]
    assert (found[0] == 1).sum() == pytest.approx(100, abs=25)
    assert (found[1] == 1).sum() == pytest.approx(100, abs=25)
    assert all((t[300:] == NONE).all() for t in batch.targets.values())
    assert len(batch.to("cpu").targets["attention"]) == 400


def test_windows_can_all_come_without_a_label():
    sampler = LabelledSampler(data=labelled(), length=8, labelled=0.0)
    batch = sampler.draw(5, torch.Generator().manual_seed(0))
    assert len(batch) == 5
    assert all((t == NONE).all() for t in batch.targets.values())
    with pytest.raises(SettingError, match=r"labelled must be from 0 to 1, but is 1\.5"):
        LabelledSampler(data=labelled(), length=8, labelled=1.5)


def test_a_set_without_labels_cannot_be_drawn_from():
    nothing = {task: torch.full((70,), NONE) for task in TASKS}
    data = LabelledSet(poses=poses(), tasks=TASKS, targets=nothing)
    with pytest.raises(SettingError, match="no window of 8 frames ends in a labelled frame"):
        LabelledSampler(data=data, length=8)
    with pytest.raises(ShapeError, match="needs 70 classes"):
        LabelledSet(poses=poses(), tasks=TASKS, targets={"attention": torch.zeros(3).long()})
