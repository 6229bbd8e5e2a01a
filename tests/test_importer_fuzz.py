"""Whatever a file holds, an importer returns sequences or raises an error of its own."""

import contextlib
import copy
import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keypoint_files import FILES

from kpcomplete.errors import KpcompleteError
from kpcomplete.importer.deeplabcut import DeepLabCut
from kpcomplete.importer.sktdd import SktDD
from kpcomplete.importer.table import Table
from kpcomplete.pose import PoseSequence
from kpcomplete.source.poses import IMPORTERS

TABLES = (DeepLabCut, SktDD, Table)
JSON = tuple(kind for kind in IMPORTERS if kind not in TABLES)
FEW = settings(
    max_examples=int(os.environ.get("FUZZ", "50")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.integers(), st.floats(),
    st.text(max_size=3), st.lists(st.integers(0, 3), max_size=3),
    st.dictionaries(st.sampled_from(["x", "people", "id"]), st.integers(0, 3), max_size=2),
)  # fmt: skip

EVERY = pytest.mark.parametrize("importer", IMPORTERS)


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    """The text of each format's file, of OpenPose one frame's; JSON or tables."""
    folder = tmp_path_factory.mktemp("files")
    paths = [write(folder / file) for write, file, _ in FILES.values()]
    texts = [(sorted(p.iterdir())[0] if p.is_dir() else p).read_text() for p in paths]
    return lambda json: [t for t in texts if t.startswith(("{", "[")) == json]


def read(kind, path):
    importer = kind(fps=30.0)
    importer.sniff(path)
    with contextlib.suppress(KpcompleteError):
        for sequence in importer(path):
            assert isinstance(sequence, PoseSequence)


@EVERY
@FEW
@given(data=st.binary(max_size=200))
def test_random_bytes(importer, tmp_path, data):
    path = tmp_path / "fuzz"
    path.write_bytes(data)
    read(importer, path)


CHANGES = st.lists(
    st.tuples(st.lists(st.integers(0, 99), min_size=1, max_size=8), st.booleans(), ODD),
    min_size=1,
    max_size=3,
)


def change(document, way, keep, value):
    """Replace what stands at the end of a way through a JSON document, or drop it."""
    here, key, holder = document, None, None
    for step in way:
        if not isinstance(here, list | dict) or not here:
            break
        keys = sorted(here) if isinstance(here, dict) else range(len(here))
        holder, key = here, keys[step % len(keys)]
        here = here[key]
    if holder is not None:
        if keep:
            holder[key] = value
        else:
            del holder[key]


@pytest.mark.parametrize("importer", JSON)
@FEW
@given(which=st.integers(0, 99), changes=CHANGES)
def test_changed_json(importer, contents, tmp_path, which, changes):
    texts = contents(json=True)
    document = json.loads(texts[which % len(texts)])
    for way, keep, value in changes:
        change(document, way, keep, copy.deepcopy(value))
    path = tmp_path / "fuzz"
    path.write_text(json.dumps(document))
    read(importer, path)


@pytest.mark.parametrize("importer", TABLES)
@FEW
@given(st.data())
def test_changed_tables(importer, contents, tmp_path, data):
    text = contents(json=False)[data.draw(st.integers(0, 2))]
    cells = [line.split(",") for line in text.splitlines()]
    for _ in range(data.draw(st.integers(1, 3))):
        row = data.draw(st.sampled_from(cells))
        place = data.draw(st.integers(0, len(row) - 1))
        kinds = ["", "nan", "inf", "-1", "1e308", "9999999", "x", '"', "\0", "1_0", "٣"]
        row[place] = data.draw(st.sampled_from(kinds))
    path = tmp_path / "fuzz"
    path.write_text("\n".join(",".join(row) for row in cells))
    read(importer, path)


@EVERY
@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[" + "9" * 5000 + "]"])
def test_deep_and_huge_json(importer, tmp_path, text):
    path = tmp_path / "fuzz"
    path.write_text(text)
    read(importer, path)
