"""Unusual stretches of recordings are flagged, plotted and listed."""

from dataclasses import replace

import numpy as np
import pytest
from hydra import compose, initialize_config_module
from made import INFO, SKELETON, results

from kpcomplete.anomaly.gathered import Gathered
from kpcomplete.anomaly.mahalanobis import Mahalanobis
from kpcomplete.anomaly.normality import Limit
from kpcomplete.app import anomaly as command
from kpcomplete.errors import SettingError
from kpcomplete.pose import PoseSequence
from kpcomplete.result import Person
from kpcomplete.sink.archive import Archive
from kpcomplete.watching import watch

PARTS = {"m": Mahalanobis(gathered=Gathered(frames=4))}


def record(path, *, odd=slice(0, 0), seed=0, length=240, seat="driver"):
    rng = np.random.default_rng(seed)
    body = np.random.default_rng(9).normal((160, 120), 40, (33, 2))
    points = body + rng.normal(0, 2, (length, 33, 2))
    points[odd, 15:17] -= 70
    poses = PoseSequence.observed(
        points.astype(np.float32), np.ones((length, 33), np.float32), skeleton=SKELETON,
        fps=INFO.fps, image_size=INFO.image_size, person=seat,
    )  # fmt: skip
    source = type("Source", (), {"info": replace(INFO, length=length)})()
    with Archive(path=path, source=source) as archive:
        for result in results({seat: Person(observed=poses, completed=poses)}, hop=60):
            archive.write(result)
    return path


def test_a_stretch_with_lifted_hands_is_flagged(tmp_path):
    normal = [record(tmp_path / f"n{i}.parquet", seed=i) for i in range(3)]
    odd = record(tmp_path / "odd.parquet", odd=slice(100, 160), seed=7)
    found = watch([odd], normal, PARTS, tmp_path / "w", limit=Limit(quantile=None, deviations=6))
    assert len(found) == 1
    assert found[0].file == "odd.parquet"
    assert abs(found[0].start - 100) <= 3
    assert abs(found[0].end - 160) <= 6
    assert found[0].score > 6
    assert (tmp_path / "w" / "odd.anomaly.png").read_bytes().startswith(b"\x89PNG")
    lines = (tmp_path / "w" / "anomalies.csv").read_text().splitlines()
    assert lines[0] == "file,seat,from,to,score"
    assert len(lines) == 2


def test_a_seat_without_normal_driving_is_told(tmp_path):
    normal = [record(tmp_path / "n.parquet")]
    other = record(tmp_path / "o.parquet", seat="codriver")
    with pytest.raises(SettingError, match="must show the seat 'codriver'"):
        watch([other], normal, PARTS, tmp_path)


def test_an_empty_seat_is_left_out(tmp_path):
    normal = [record(tmp_path / "n.parquet")]
    empty = PoseSequence.observed(
        np.full((60, 33, 2), np.nan, np.float32), skeleton=SKELETON, fps=INFO.fps,
        image_size=INFO.image_size, person="codriver",
    )  # fmt: skip
    for name, length in (("empty.parquet", 60), ("none.parquet", 0)):
        source = type("Source", (), {"info": replace(INFO, length=length)})()
        with Archive(path=tmp_path / name, source=source) as archive:
            poses = empty[:length]
            for result in results({"codriver": Person(observed=poses, completed=poses)}):
                archive.write(result)
    assert watch([tmp_path / "empty.parquet", tmp_path / "none.parquet"], normal, PARTS,
                 tmp_path / "w") == []  # fmt: skip
    here = record(tmp_path / "o.parquet", seat="codriver")
    with pytest.raises(SettingError, match="the seat 'codriver' with somebody on it"):
        watch([here], [*normal, tmp_path / "empty.parquet"], PARTS, tmp_path / "w")


def test_recordings_of_one_name_are_told_apart(tmp_path):
    normal = [record(tmp_path / f"n{i}.parquet", seed=i) for i in range(2)]
    odd = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        odd.append(record(tmp_path / name / "odd.parquet", odd=slice(100, 160), seed=7))
    found = watch(odd, normal, PARTS, tmp_path / "w", limit=Limit(quantile=None, deviations=6))
    assert {x.file for x in found} == {str(path) for path in odd}
    assert len(list((tmp_path / "w").glob("*odd.parquet.anomaly.png"))) == 2


def test_a_quantile_that_is_no_share(tmp_path):
    normal = [record(tmp_path / "n.parquet")]
    with pytest.raises(SettingError, match="quantile must be from 0 to 1, or null, but is 99"):
        watch(normal, normal, PARTS, tmp_path / "w", limit=Limit(quantile=99))


def test_the_command_lists_what_it_found(tmp_path, capsys):
    record(tmp_path / "n.parquet", length=700)
    record(tmp_path / "odd.parquet", odd=slice(60, 160), seed=3)
    with initialize_config_module("kpcomplete.conf", version_base="1.3"):
        cfg = compose("anomaly", [f"recordings={tmp_path}/odd.parquet",
                                  f"normal={tmp_path}/n.parquet", f"output_dir={tmp_path}/w",
                                  "quantile=null", "deviations=6"])  # fmt: skip
    command.main.__wrapped__(cfg)
    out = capsys.readouterr().out
    assert "odd.parquet driver frames" in out
    assert "stretches; see" in out
