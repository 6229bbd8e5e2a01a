"""Where files from elsewhere come in, and how each is tried with broken ones."""

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from kpcomplete import archive, calibration, checkpoint
from kpcomplete.benchmark import sound
from kpcomplete.benchmark.hostile import change, mutate, odd
from kpcomplete.data.archives import Archives
from kpcomplete.data.labels import read_labels
from kpcomplete.journal import ENDING
from kpcomplete.recovery import recover
from kpcomplete.source.poses import IMPORTERS


@dataclass(frozen=True, kw_only=True)
class Door:
    """One way in.

    Attributes:
        make: Returns a broken file.
        read: Reads it; what it raises on purpose is a `kpcomplete.errors.KpcompleteError`.
        ending: Of the file's name.
    """

    make: Callable[[Random], bytes]
    read: Callable[[Path], Any]
    ending: str = ""


@functools.cache
def doors() -> Mapping[str, Door]:
    """Return every door by name."""
    keypoints = sound.keypoints()
    found = {
        kind.__name__: Door(make=_one_of(keypoints), read=functools.partial(_import, kind))
        for kind in IMPORTERS
    }
    found["archive"] = Door(make=_archive, read=archive.read_archive, ending=".parquet")
    found["dataset"] = Door(make=_archive, read=_load, ending=".parquet")
    journals = [sound.journal()]
    found["journal"] = Door(
        make=_one_of(journals), read=lambda path: recover(path.parent), ending=f".parquet{ENDING}"
    )
    found["checkpoint"] = Door(make=_checkpoint, read=_build, ending=".safetensors")
    found["camera"] = Door(make=_one_of(sound.cameras()), read=calibration.read)
    tasks = {"posture": ["upright", "leaning"]}
    found["labels"] = Door(
        make=_one_of([sound.labels()]), ending=".csv",
        read=functools.partial(read_labels, tasks=tasks, recordings={"a.parquet": {"driver": 20}}),
    )  # fmt: skip
    return found


def config_door(check: Callable[[Any], Any]) -> Door:
    """Return the door of configs.

    Args:
        check: Refuses configs that name code of others.
    """

    def make(random: Random) -> bytes:
        document = sound.config()
        for _ in range(random.randint(1, 3)):
            change(document, random)
        if random.random() < 0.7:
            own = "kpcomplete.completer.hold.Hold"
            name = random.choice(
                (
                    "os.system",
                    "kpcomplete.archive.os.system",
                    own,
                    f"{own}.x",
                    "builtins.eval",
                    own[::-1],
                    own[: random.randrange(len(own))],
                )
            )
            document["parts"] = {"_target_": name, "_args_": [odd(random)]}  # fmt: skip
        return json.dumps(document).encode()

    return Door(make=make, read=lambda path: check(json.loads(path.read_bytes())))


def _one_of(files: list[bytes]) -> Callable[[Random], bytes]:
    return lambda random: mutate(random.choice(files), files, random)


def _import(kind: Callable[..., Any], path: Path) -> None:
    importer = kind()
    importer.sniff(path)
    for sequence in importer(path):
        if not (np.isfinite(sequence.keypoints).any(axis=-1) | sequence.is_missing).all():
            raise AssertionError("a joint is neither missing nor somewhere")


def _archive(random: Random) -> bytes:
    table, about = _sound_archive()
    way = random.randrange(3)
    if way == 0:
        return mutate(_sound_archive_bytes(), [_sound_archive_bytes()], random)
    if way == 1:
        about = json.loads(json.dumps(about))
        for _ in range(random.randint(1, 3)):
            change(about, random)
        return sound.parquet(table, about)
    for _ in range(random.randint(1, 2)):
        table = _changed_column(table, random)
    return sound.parquet(table, about)


_sound_archive = functools.cache(sound.archive)


@functools.cache
def _sound_archive_bytes() -> bytes:
    return sound.parquet(*sound.archive())


def _load(path: Path) -> None:
    Archives(dataset=str(path), min_confidence=0.0).load()


def _changed_column(table: pa.Table, random: Random) -> pa.Table:
    place = random.randrange(table.num_columns)
    name, count = table.column_names[place], table.num_rows
    way = random.randrange(5)
    if way == 0 or not count:
        return table.drop_columns([name])
    if way == 1:
        return table.slice(random.randrange(count), random.randrange(count))
    if way == 2 and not any(pa.types.is_null(kind) for kind in table.schema.types):
        return table.take(pa.array([random.randrange(count) for _ in range(count)]))
    kinds: list[Any] = [pa.nulls(count), pa.array(["x"] * count), pa.array([[1.0]] * count),
                        pa.array(np.full(count, random.choice((-1, 0, 2**31 - 1)), np.int32)),
                        pa.array(np.full(count, random.choice((np.nan, np.inf, 1e38)))),
                        pa.array((["driver", "nose"] * count)[:count])]  # fmt: skip
    return table.set_column(place, name, random.choice(kinds))


def _checkpoint(random: Random) -> bytes:
    tensors, about = _sound_checkpoint()
    way = random.randrange(3)
    if way == 0:
        data = sound.safetensors(tensors, about)
        return mutate(data, [data], random)
    if way == 1:
        about = json.loads(json.dumps(about))
        for _ in range(random.randint(1, 3)):
            change(about, random)
        return sound.safetensors(tensors, about)
    name = random.choice(list(tensors))
    shape = [random.choice((0, 1, 3, 99)) for _ in range(random.randrange(4))]
    kind = random.choice((torch.float32, torch.float16, torch.int64, torch.bool))
    return sound.safetensors({**tensors, name: torch.zeros(shape, dtype=kind)}, about)


_sound_checkpoint = functools.cache(sound.checkpoint)


def _build(path: Path) -> None:
    checkpoint.load(path).build()
