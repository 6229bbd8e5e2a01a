"""What every source promises, over every file of conf/source."""

from pathlib import Path

import numpy as np
import pytest
from hydra.utils import instantiate
from keypoint_files import table
from omegaconf import OmegaConf
from PIL import Image
from video_files import write as write_video

from kpcomplete.source import Source

CONFIGS = sorted((Path(__file__).parents[1] / "conf" / "source").glob("*.yaml"))
LIVE = {"webcam", "live"}


def settings(name, folder):
    """Return what a config leaves open."""
    if name in ("video", "auto", "paced"):
        return {"path": str(write_video(folder / "a.mp4", length=6))}
    if name == "images":
        for i in range(6):
            Image.fromarray(np.full((4, 6, 3), i, np.uint8)).save(folder / f"{i}.png")
        return {"path": str(folder)}
    if name == "poses":
        return {"path": str(table(folder / "a.csv"))}
    if name == "corrupted":
        hide = {"_target_": "kpcomplete.corruption.random_joints.RandomJoints", "ratio": 0.5}
        return {"source": {"path": str(table(folder / "a.csv"))}, "corruption": hide}
    return {"length": 6}


@pytest.fixture(params=[p for p in CONFIGS if p.stem not in LIVE], ids=lambda path: path.stem)
def source(request, tmp_path):
    config = OmegaConf.load(request.param)
    given = settings(request.param.stem, tmp_path)
    return instantiate(OmegaConf.merge(config, given), _convert_="all")


def test_frames_are_numbered_and_times_rise_from_zero(source):
    assert isinstance(source, Source)
    frames = list(source)
    assert [f.index for f in frames] == list(range(6))
    assert frames[0].time == 0
    times = [f.time for f in frames]
    assert (np.diff(times) > 0).all()
    assert np.median(np.diff(times)) == pytest.approx(1 / source.info.fps, rel=0.01)


def test_info_agrees_with_the_frames(source):
    width, height = source.info.image_size
    assert source.info.length == 6
    assert source.info.name
    for frame in source:
        if frame.image is not None:
            assert frame.image.shape == (height, width, 3)
            assert frame.image.dtype == np.uint8
        for person in [*frame.people.values(), *(frame.truth or {}).values()]:
            assert person.keypoints.shape == (33, 2)
            assert person.keypoints.dtype == np.float32
            missing = np.isnan(person.keypoints).any(axis=-1)
            assert (person.confidence[missing] == 0).all()
            assert not missing.all()


def test_iterating_again_starts_again(source):
    iterator = iter(source)
    next(iterator)
    first = [(f.index, f.time, sorted(f.people)) for f in source]
    assert [(f.index, f.time, sorted(f.people)) for f in source] == first
    assert len(first) == 6
