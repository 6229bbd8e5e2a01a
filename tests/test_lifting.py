"""The lifter as a stage of the pipeline, and in the files that come of it."""

from dataclasses import dataclass, replace

import made
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from solid_people import SKELETON, seen

from kpcomplete.archive import KEY, read_archive
from kpcomplete.camera import Camera
from kpcomplete.errors import SettingError
from kpcomplete.exporter.csv import Csv
from kpcomplete.exporter.netcdf import Netcdf
from kpcomplete.frame import Detection, Frame, StreamInfo
from kpcomplete.lens import Lens
from kpcomplete.lifter import Lifted
from kpcomplete.lifter.planar import Planar
from kpcomplete.lifting import Lifting
from kpcomplete.pipeline import Pipeline, run
from kpcomplete.pose import PoseSequence
from kpcomplete.recording import Recording
from kpcomplete.sink.archive import Archive
from kpcomplete.window import Window

INFO = StreamInfo(name="ride", fps=30.0, image_size=(640, 480))
CAMERA = Camera(width=640, height=480, fx=500, fy=500, cx=320, cy=240)


@dataclass
class Known:
    """A lifter that knows the truth: points a ray's length of the true depth away, and shaken."""

    solid: torch.Tensor
    causal: bool = False
    shaking: float = 0.0

    def __call__(self, sight, /):
        time = sight.rays.shape[1]
        noise = torch.randn(self.solid[:, :time].shape, generator=torch.Generator().manual_seed(0))
        points = self.solid[:, :time] + self.shaking * noise
        return Lifted(points=points, std=torch.full(points.shape[:-1], 0.02))


@dataclass
class Stored:
    seats = ("driver",)

    def __call__(self, frames, info, /):
        return frames


class Keep:
    causal = True

    def __call__(self, batch, /):
        covariance = torch.zeros(*batch.keypoints.shape, 2)
        return replace(batch, covariance=covariance)


class Source:
    def __init__(self, points):
        self.points, self.info = points, INFO

    def __iter__(self):
        for i, points in enumerate(self.points):
            people = {}
            if np.isfinite(points).any():
                sure = np.isfinite(points).all(axis=-1).astype(np.float32)
                people = {"driver": Detection(keypoints=points, confidence=sure)}
            yield Frame(index=i, time=i / 30, people=people)


def pixels(clean):
    return clean.keypoints[0].numpy() + np.array([320, 240], np.float32)


def poses(clean, **options):
    return PoseSequence.observed(pixels(clean), skeleton=SKELETON, fps=30.0, image_size=(640, 480),
                                 person="driver", **options)  # fmt: skip


def lengths(points):
    first, second = SKELETON.indices(["left_elbow", "left_wrist"])
    return np.linalg.norm(points[:, first] - points[:, second], axis=-1)


def test_bones_keep_their_lengths_in_all_views_of_a_recording():
    clean = seen(windows=1, time=200)
    lifting = Lifting(lifter=Known(clean.solid, shaking=0.01), camera=CAMERA)
    whole = poses(clean)
    parts = [lifting({"driver": whole[i : i + 160]})["driver"].points for i in (0, 20, 40)]
    assert lengths(np.concatenate(parts)).std() < 1e-5
    loose = Lifting(lifter=Known(clean.solid, shaking=0.01), camera=CAMERA, rigid=False)
    assert lengths(loose({"driver": whole})["driver"].points).std() > 3e-3


def test_empty_frames_stay_empty_and_a_body_is_forgotten_with_its_person():
    clean = seen(windows=1, time=30)
    points = pixels(clean)
    points[10:20] = np.nan
    gone = PoseSequence.observed(points, skeleton=SKELETON, fps=30.0, image_size=(640, 480),
                                 person="driver")  # fmt: skip
    lifting = Lifting(lifter=Known(clean.solid), camera=CAMERA)
    found = lifting({"driver": gone})["driver"]
    assert np.isnan(found.points[10:20]).all()
    assert np.isnan(found.std[10:20]).all()
    assert np.isfinite(found.points[:10]).all()
    assert lifting._bodies
    assert lifting({"driver": gone[10:20]}) == {}
    assert not lifting._bodies


def test_live_frames_are_lifted_from_the_past_too():
    clean = seen(windows=1, time=100)

    class Counting(Known):
        def __call__(self, sight, /):
            self.frames = sight.rays.shape[1]
            return super().__call__(sight)

    lifter = Counting(clean.solid)
    lifting = Lifting(lifter=lifter, camera=CAMERA, rigid=False)
    whole = poses(clean)
    for i in range(100):
        found = lifting.follow({"driver": whole[i : i + 1]})["driver"]
        assert found.points.shape == (1, 33, 3)
    assert lifter.frames == 81


@pytest.mark.parametrize(
    "window", [Window(past=20, hop=10, future=20), Window(past=9, hop=1, future=0)]
)
def test_the_pipeline_lifts_every_frame_once(window, tmp_path):
    clean = seen(windows=1, time=45)
    source = Source(pixels(clean))
    pipeline = Pipeline(detector=Stored(), window=window, completer=Keep(), lifter=Planar(),
                        lens=Lens(fx=500.0, cx=320.0, cy=240.0))  # fmt: skip
    path = tmp_path / "a.parquet"
    run(pipeline, source, [Archive(path=path, source=source)])
    read = read_archive(path)
    points = read.joints3d["driver"]
    assert points.shape == (45, 33, 3)
    assert np.isfinite(points).all()
    assert np.isfinite(read.std3d["driver"]).all()
    assert read.camera["fx"] == 500.0
    assert not read.camera["assumed"]
    (file,) = Csv()(read, tmp_path / "a.csv")
    assert "std3d" in file.read_text().splitlines()[0]


def test_a_guessed_camera_is_said_to_be_guessed(tmp_path):
    clean = seen(windows=1, time=5)
    source = Source(pixels(clean))
    window = Window(past=20, hop=10, future=20)
    pipeline = Pipeline(detector=Stored(), window=window, completer=Keep(), lifter=Planar())
    (result,) = pipeline.run(source)
    assert result.camera.assumed
    flat = replace(pipeline, lifter=None)
    (result,) = flat.run(source)
    assert result.camera is None
    assert result.people["driver"].joints3d is None


def test_archives_of_before_have_no_deviations(tmp_path):
    person = replace(made.driver(4), joints3d=np.zeros((4, 33, 3), np.float32))
    source = made.Images()
    path = tmp_path / "a.parquet"
    with Archive(path=path, source=source) as archive:
        frames = tuple(Frame(index=i, time=i / 30) for i in range(4))
        archive.write(made.Result(frames=frames, people={"driver": person}))
    about = pq.ParquetFile(path).metadata.metadata[KEY]
    table = pq.read_table(path).drop_columns(["std3d"])
    pq.write_table(table.replace_schema_metadata({KEY: about}), path)
    assert np.isnan(read_archive(path).std3d["driver"]).all()


def test_movement_gets_three_dimensions_if_asked(tmp_path):
    xarray = pytest.importorskip("xarray", reason="needs kpcomplete[netcdf]")
    clean = seen(windows=1, time=6)
    source = Source(pixels(clean))
    window = Window(past=20, hop=10, future=20)
    pipeline = Pipeline(detector=Stored(), window=window, completer=Keep(), lifter=Planar())
    run(pipeline, source, [Archive(path=tmp_path / "a.parquet", source=source)])
    read = read_archive(tmp_path / "a.parquet")
    (path,) = Netcdf(solid=True)(read, tmp_path / "a.nc")
    with xarray.open_dataset(path) as dataset:
        assert dataset.position.dims == ("time", "space", "keypoint", "individual")
        assert list(dataset.space.values) == ["x", "y", "z"]
        found = dataset.position.sel(individual="driver").values.transpose(0, 2, 1)
        assert "assumed" in dataset.attrs["camera"]
    np.testing.assert_allclose(found, read.joints3d["driver"])


def test_joints_are_in_the_car_if_the_camera_is():
    turn = np.array([[-1.0, 0, 0], [0, 0, -1], [0, -1, 0]])  # x left, y back, z up; it looks ahead
    there = replace(CAMERA, turn=turn, shift=-turn @ np.array([0.0, -1.2, 1.1]))
    recording = Recording(
        name="ride", fps=30.0, image_size=(640, 480), skeleton=SKELETON, frames=np.arange(1),
        times=np.zeros(1), joints3d={"driver": np.array([[[0.1, 0.2, 0.8]] * 33])},
        camera=there.as_dict(),
    )  # fmt: skip
    np.testing.assert_allclose(recording.in_car()["driver"][0, 0], [-0.1, -2.0, 0.9])
    assert replace(recording, camera=None).in_car() == {}
    with pytest.raises(SettingError, match="is in the car is not known"):
        replace(recording, camera=CAMERA.as_dict()).in_car()
