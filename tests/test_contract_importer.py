"""What every importer promises, over every file of conf/importer."""

from pathlib import Path

import numpy as np
import pytest
from hydra.utils import instantiate
from keypoint_files import FILES, LENGTH, people
from omegaconf import OmegaConf

from kpcomplete.errors import KpcompleteError, SourceError
from kpcomplete.importer import Importer
from kpcomplete.skeleton import Skeleton
from kpcomplete.source.poses import IMPORTERS, Poses

CONFIGS = sorted((Path(__file__).parents[1] / "conf" / "importer").glob("*.yaml"))


def make(name, **changes):
    path = next(p for p in CONFIGS if p.stem == name)
    return instantiate(OmegaConf.merge(OmegaConf.load(path), changes), _convert_="all")


@pytest.fixture(params=CONFIGS, ids=lambda path: path.stem)
def name(request):
    return request.param.stem


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    return {name: write(folder / file) for name, (write, file, _) in FILES.items()}


def copy(name, folder):
    """Return the path of a file or folder of one's own, and in it the file of frame 2."""
    write, file, _ = FILES[name]
    path = write(folder / file)
    return path, sorted(path.iterdir())[2] if path.is_dir() else path


def test_every_importer_has_a_config_and_is_guessed():
    assert {type(make(p.stem)) for p in CONFIGS} == set(IMPORTERS)


def test_returns_what_was_written(name, files):
    importer = make(name, fps=30.0)
    assert isinstance(importer, Importer)
    skeleton = FILES[name][2]
    truth = people(skeleton, hidden=name != "mediapipe_json")
    sequences = importer(files[name])
    found = [s.to(Skeleton.load(skeleton)) for s in sequences]
    assert len(found) == 2
    assert {len(s) for s in found} == {LENGTH}
    matched = sorted(found, key=lambda s: np.nanmean(s.keypoints[..., 0]))
    np.testing.assert_allclose([s.keypoints for s in matched], truth, atol=2e-3)
    for s in found:
        np.testing.assert_allclose(s.times, np.arange(LENGTH) / 30 + s.times[0], atol=1e-5)
        assert s.fps == pytest.approx(30, rel=1e-3)
        likely = {"sktdd": 1.0, "coco": 1.0}.get(name, 0.5)
        np.testing.assert_allclose(s.confidence[s.is_observed], likely, atol=1e-6)


def test_knows_its_own_files_and_no_others(name, files, tmp_path):
    other = tmp_path / "other.bin"
    other.write_bytes(bytes(range(256)))
    (tmp_path / "empty").mkdir()
    importer = make(name)
    knows = [key for key, path in files.items() if importer.sniff(path)]
    assert knows == [name]
    for path in (other, tmp_path / "absent", tmp_path / "empty"):
        assert not importer.sniff(path)


def test_a_source_of_poses_finds_the_importer(name, files):
    source = Poses(files[name], fps=30.0)
    assert len(list(source)) == LENGTH
    assert len(source.people) == 2


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[]", b"{}", b"null", b"a,b\n1"])
def test_another_file_is_refused_by_name(name, tmp_path, content):
    path = tmp_path / "wrong.file"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"wrong\.file"):
        make(name)(path)


def test_an_absent_file_is_refused_by_name(name, tmp_path):
    with pytest.raises(SourceError, match=r"absent\.json"):
        make(name)(tmp_path / "absent.json")


def test_a_damaged_file_is_refused_by_name(name, tmp_path):
    path, file = copy(name, tmp_path)
    data = file.read_bytes()
    file.write_bytes(data[: len(data) * 6 // 10])
    with pytest.raises(KpcompleteError, match=file.name):
        make(name)(path)


@pytest.mark.parametrize("wrong", ["inf", "abc", "1e999", "-1e7", "3.5.5", '"3,5"', "[3.5]"])
def test_a_broken_number_is_refused_by_name(name, tmp_path, wrong):
    path, file = copy(name, tmp_path)
    x = people(FILES[name][2], hidden=name != "mediapipe_json")[0, 2, 0, 0]
    old = repr(float(x / 640 if name == "mediapipe_json" else x))
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, wrong))
    with pytest.raises(SourceError, match=path.name):
        make(name)(path)


def test_an_image_size_that_is_given_wins(name, files):
    sequences = make(name, image_size=[800, 600])(files[name])
    assert {s.image_size for s in sequences} == {(800, 600)}
