"""What every exporter and every sink of conf/ promises."""

from pathlib import Path

import made
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from kpcomplete.archive import provenance, read_archive
from kpcomplete.exporter import Exporter
from kpcomplete.sink import Sink
from kpcomplete.sink.archive import Archive

CONF = Path(__file__).parents[1] / "conf"
WRITTEN = {"archive", "overlay", "plot"}  # the sinks that write one file


def built(file, **parts):
    return instantiate(OmegaConf.load(file), _convert_="all", **parts)


@pytest.mark.parametrize("file", sorted((CONF / "exporter").glob("*.yaml")), ids=lambda f: f.stem)
def test_exporters_write_what_they_say(file, tmp_path):
    with Archive(path=tmp_path / "a.parquet", source=made.Images()) as sink:
        for result in made.results({"driver": made.driver(5), "codriver": made.nobody(5)}):
            sink.write(result)
    exporter = built(file)
    assert isinstance(exporter, Exporter)
    folder = tmp_path / "out"
    folder.mkdir()
    files = exporter(read_archive(tmp_path / "a.parquet"), folder / "recording")
    found = {path for path in folder.rglob("*") if path.is_file()}
    assert found == set(files)
    assert all(path.stat().st_size for path in found)


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_sinks_take_what_the_process_command_gives_them(name, tmp_path):
    make = built(CONF / "sink" / f"{name}.yaml", _partial_=True)
    path = tmp_path / "out"
    sink = make(path=str(path), source=made.Images(length=5), provenance=provenance())
    assert isinstance(sink, Sink)
    with sink as opened:
        assert opened is sink
        for result in made.results({"driver": made.driver(5), "codriver": made.nobody(5)}):
            opened.write(result)
        assert not path.exists()
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert path.stat().st_size
