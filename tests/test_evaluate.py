"""Hiding joints on purpose, and what is said of their completion."""

import base64
import contextlib
import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import video_files
from hydra.utils import instantiate
from omegaconf import OmegaConf
from PIL import Image

from kpcomplete.app import cli
from kpcomplete.batch import PoseBatch
from kpcomplete.occlusion import Occlusion

FEW = "compare=[hold,linear,gaussian]"
OCCLUSIONS = sorted((Path(__file__).parents[1] / "conf" / "occlusion").glob("*.yaml"))


def write_poses(path, frames=90):
    """Somebody who opens the arms, as a plain CSV."""
    rng = np.random.default_rng(0)
    rows = [["frame", "joint", "x", "y"]]
    for t in range(frames):
        for joint, place in {"nose": (320, 120), "left_eye": (330, 112), "right_eye": (310, 112),
                             "left_shoulder": (370, 180), "right_shoulder": (270, 180),
                             "left_elbow": (390, 260), "right_elbow": (250, 260),
                             "left_wrist": (380 + 0.5 * t, 330),
                             "right_wrist": (260 - 0.5 * t, 330)}.items():  # fmt: skip
            x, y = np.array(place) + rng.normal(0, 0.3, 2)
            rows.append([t, joint, f"{x:.2f}", f"{y:.2f}"])
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """The output folder of the command, and what it printed."""
    folder = tmp_path_factory.mktemp("evaluated")
    poses, output = write_poses(folder / "waving.csv"), folder / "out"
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        cli.run(
            "evaluate",
            "experiment=robustness",
            f"source={poses}",
            f"output_dir={output}",
            "judged=[linear]",
            FEW,
            "~occlusions.frames",
            "~occlusions.random_joints",
        )
    return output, said.getvalue()


def test_the_command_compares_completers_on_the_same_joints(evaluated):
    folder, said = evaluated
    assert "wrong joints 20" in said
    assert "With one person no interval can be given" in said
    table = pq.read_table(folder / "results.parquet")
    rows = [row for row in table.to_pylist() if row["joint"] == "all" and row["kind"] == "hidden"]
    gap = {r["completer"]: r for r in rows if (r["mode"], r["level"]) == ("offline", "0.5")}
    assert len({(r["count"], r["mask"]) for r in gap.values()}) == 1
    assert gap["linear"]["error"] < gap["hold"]["error"]
    assert gap["linear"]["reference"] == gap["hold"]["reference"] == "hold"
    difference = gap["linear"]["error"] - gap["hold"]["error"]
    assert gap["linear"]["difference"] == pytest.approx(difference, abs=1e-5)
    forearm = {
        r["completer"]: r for r in rows if (r["mode"], r["level"]) == ("offline", "left_forearm")
    }
    assert forearm["hold"]["missing"] == 1.0  # never seen: nothing to hold
    assert forearm["gaussian"]["missing"] == 0.0
    live = {r["completer"] for r in rows if r["mode"] == "causal"}
    assert live == {"hold", "gaussian"}  # linear looks ahead
    assert "weights" in json.loads(table.schema.metadata[b"kpcomplete"])


def test_the_page_stands_alone_and_its_pictures_open(evaluated):
    folder, _ = evaluated
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    for picture in pictures:
        image = Image.open(io.BytesIO(base64.b64decode(picture))).convert("L")
        assert image.size[0] > 500
        assert np.ptp(np.asarray(image)) > 150  # something is drawn
    for title in ("Forearms are gone for a while", "Worst cases", "Joint by joint"):
        assert title in page
    assert sorted(p.name for p in folder.iterdir()) == [
        "report.html", "results.parquet", "table.txt"
    ]  # fmt: skip
    assert (folder / "table.txt").read_text(encoding="utf-8") in evaluated[1]


def test_the_same_seed_gives_the_same_figures(evaluated, tmp_path):
    poses = write_poses(tmp_path / "waving.csv")
    cli.run("evaluate", f"source={poses}", f"output_dir={tmp_path / 'again'}", FEW,
            "judged=[linear]", "~occlusions.parts", "~occlusions.random_joints")  # fmt: skip
    again = pq.read_table(tmp_path / "again" / "results.parquet").to_pylist()
    before = pq.read_table(evaluated[0] / "results.parquet").to_pylist()
    found = {_key(row): row["error"] for row in before}
    assert again
    assert {_key(row): row["error"] for row in again} == {k: found[k] for k in map(_key, again)}


def _key(row):
    names = ("mode", "family", "level", "kind", "completer", "joint", "mask")
    return tuple(row[name] for name in names)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("compare=[hold,magic]", r"no completer \['magic'\]; there are hold, linear"),
        ("reference=magic", r"no completer \['magic'\]"),
        ("judged=[magic]", r"no completer \['magic'\]"),
    ],
)
def test_unknown_completers_are_named(setting, said, tmp_path):
    poses = write_poses(tmp_path / "waving.csv", frames=9)
    with pytest.raises(SystemExit, match=said):
        cli.run("evaluate", f"source={poses}", setting, f"output_dir={tmp_path / 'x'}")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("reference=akima", "reference=akima must be one of those compared: hold, linear"),
        ("weights=nowhere", "weights=nowhere must be a folder with models"),
        ("people=[sktdd_006]", "are those of a data set"),
        ("limit=0", "limit must be at least 1 frame, or null, but is 0"),
    ],
)
def test_what_would_be_left_out_in_silence_is_said(setting, said, tmp_path):
    poses = write_poses(tmp_path / "waving.csv", frames=9)
    with pytest.raises(SystemExit, match=said):
        cli.run("evaluate", f"source={poses}", FEW, setting, f"output_dir={tmp_path / 'x'}")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("path", OCCLUSIONS, ids=lambda path: path.stem)
def test_every_occlusion_hides_more_the_more_severe_it_is(path):
    settings = OmegaConf.create({"seed": 0, "one": OmegaConf.load(path)})
    occlusion = instantiate(settings.one, _convert_="all")
    assert isinstance(occlusion, Occlusion)
    generator = torch.Generator().manual_seed(0)
    batch = PoseBatch.from_keypoints(torch.randn(20, 160, 33, 2, generator=generator))
    changed = []
    for corruption in occlusion.levels.values():
        out = corruption(batch)
        changed.append(float((out.keypoints != batch.keypoints).any(dim=-1).float().mean()))
    assert min(changed) > 0
    if occlusion.is_ordered:
        assert changed == sorted(changed)
        assert changed[-1] > 1.3 * changed[0]


def test_videos_must_be_processed_first(tmp_path):
    video = video_files.write(tmp_path / "a.mp4")
    with pytest.raises(SystemExit, match="kpcomplete process source="):
        cli.run("evaluate", f"source={video}", f"output_dir={tmp_path / 'x'}")


@pytest.mark.parametrize("exporter", ["csv", "coco", "openpose", "netcdf", "trc"])
def test_stored_poses_are_exported_in_every_format(exporter, tmp_path, capsys):
    if exporter == "netcdf":
        pytest.importorskip("netCDF4")
    poses = write_poses(tmp_path / "waving.csv", frames=5)
    cli.run("export", f"source={poses}", f"exporter={exporter}", f"output_dir={tmp_path / 'out'}")
    assert "waving" in capsys.readouterr().out
    assert [p.name for p in (tmp_path / "out").iterdir()]


def test_exports_beside_their_sources_are_called_like_them(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_poses(tmp_path / name / "waving.csv", frames=5)
    cli.run("export", f"source={tmp_path}/*/waving.csv", "exporter=coco")
    for name in ("a", "b"):
        assert {p.name for p in (tmp_path / name).iterdir()} == {
            "waving.csv", "waving.coco.json"
        }  # fmt: skip


def test_an_export_never_replaces_its_source(tmp_path):
    poses = write_poses(tmp_path / "waving.csv", frames=5)
    before = poses.read_bytes()
    with pytest.raises(SystemExit, match="is the source itself"):
        cli.run("export", f"source={poses}", "exporter=csv")
    assert poses.read_bytes() == before
