import struct
from pathlib import Path

import av
import numpy as np
import pytest
from video_files import FPS, write

from kpcomplete.errors import SourceError
from kpcomplete.source import Source
from kpcomplete.source._decode import packets
from kpcomplete.source.video import Video

SHARED = Path(__file__).parents[2] / "shared"


def write_audio(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def level(frame):
    return float(frame.image[: frame.image.shape[0] // 3, : frame.image.shape[1] // 3].mean())


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("a.mkv", "libx264", "yuv420p"),
        ("a.mov", "png", "rgba"),
        ("a.avi", "mjpeg", "yuvj420p"),
        ("a.webm", "libvpx", "yuv420p"),
        ("a.gif", "gif", "rgb8"),
        ("gray.mkv", "ffv1", "gray"),
        ("gray16.mkv", "ffv1", "gray16le"),
    ],
)
def test_every_frame_comes_once_at_its_time(tmp_path, name, codec, pix_fmt):
    source = Video(write(tmp_path / name, codec, pix_fmt=pix_fmt))
    frames = list(source)
    assert isinstance(source, Source)
    assert source.problem is None
    assert source.info.fps == pytest.approx(FPS)
    assert source.info.image_size == (64, 48)
    assert source.info.length == 30
    assert [f.index for f in frames] == list(range(30))
    np.testing.assert_allclose([f.time for f in frames], np.arange(30) / FPS, atol=2e-3)
    assert all(f.image.shape == (48, 64, 3) and f.image.dtype == np.uint8 for f in frames)
    tolerance = 30 if codec == "gif" else 12  # a GIF has few colours
    np.testing.assert_allclose([level(f) for f in frames], 60 + 5 * np.arange(30), atol=tolerance)


@pytest.mark.parametrize("size", [(1, 1), (33, 17), (2, 301)])
def test_odd_sizes(tmp_path, size):
    frames = list(Video(write(tmp_path / "a.mkv", "ffv1", 3, size, "bgra")))
    assert [f.image.shape for f in frames] == [(size[1], size[0], 3)] * 3
    assert all(f.image.flags.c_contiguous for f in frames)


def test_iterating_again_starts_again(tmp_path):
    source = Video(write(tmp_path / "a.mp4", length=6))
    next(iter(source))  # left half way
    first, second = list(source), list(source)
    for a, b in zip(first, second, strict=True):
        assert a.time == b.time
        np.testing.assert_array_equal(a.image, b.image)


def test_a_variable_frame_rate_survives(tmp_path):
    pts = [0, 1, 2, 10, 11, 30, 31, 32]
    source = Video(write(tmp_path / "a.mp4", length=8, pts=pts))
    np.testing.assert_allclose([f.time for f in source], np.array(pts) / FPS, atol=1e-6)


def test_times_start_at_zero(tmp_path):
    source = Video(write(tmp_path / "a.mkv", length=5, start=100))
    np.testing.assert_allclose([f.time for f in source], np.arange(5) / FPS, atol=2e-3)


@pytest.mark.parametrize(
    ("matrix", "bright"),  # of tkhd, and where the bright quarter must appear
    [((0, 1, -1, 0), (0, 1)), ((-1, 0, 0, -1), (1, 1)), ((0, -1, 1, 0), (1, 0))],
)
def test_images_are_turned_upright(tmp_path, matrix, bright):
    path = write(tmp_path / "a.mp4", length=2)
    data = bytearray(path.read_bytes())
    place = data.find(b"tkhd") + 44
    a, b, c, d = (value * 65536 for value in matrix)
    data[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    source = Video(path)
    image = next(iter(source)).image
    assert image.shape[1::-1] == source.info.image_size
    assert source.info.image_size == ((64, 48) if matrix[0] else (48, 64))
    half = np.array(image.shape[:2]) // 2
    means = image.mean(axis=-1).reshape(2, half[0], 2, half[1]).mean(axis=(1, 3))
    assert np.unravel_index(means.argmax(), (2, 2)) == bright


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_a_truncated_file_gives_what_is_there_and_says_so(tmp_path, name):
    codec = "mpeg4" if name == "a.avi" else "libx264"
    keys = {"movflags": "faststart"} if name == "a.mp4" else {}
    path = write(tmp_path / name, codec, 100, **keys)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 7 // 10])
    source = Video(path)
    frames = list(source)
    assert 20 < sum(f.image is not None for f in frames) < 100
    assert "ends early" in source.problem
    assert f"{len(frames)} frames" in source.problem


def test_a_corrupt_frame_is_a_frame_without_image_and_decoding_goes_on(tmp_path):
    path = write(tmp_path / "a.mov", "png", pix_fmt="rgb24", length=10)
    data = bytearray(path.read_bytes())
    places = [i for i in range(len(data)) if data[i : i + 8] == b"\x89PNG\r\n\x1a\n"]
    assert len(places) == 10
    data[places[4] : places[5]] = bytes(places[5] - places[4])
    path.write_bytes(data)
    source = Video(path)
    frames = list(source)
    assert [f.index for f in frames if f.image is None] == [4]
    np.testing.assert_allclose([f.time for f in frames], np.arange(10) / FPS, atol=1e-6)
    assert "1 frames could not be decoded" in source.problem


def test_a_name_with_a_colon_is_a_name(tmp_path):
    assert len(list(Video(write(tmp_path / "con:cat|it's é.mp4", length=2)))) == 2


def test_a_stream_that_appears_late_is_passed_over():
    class Container:
        """Stumbles once, as PyAV does, then goes on where it was."""

        def __init__(self):
            self.left = iter([1, 2, None, 3])

        def demux(self, stream):
            for packet in self.left:
                if packet is None:
                    raise IndexError("list index out of range")
                yield packet

    assert list(packets(Container(), None)) == [1, 2, 3]


def test_a_rate_that_cannot_be_is_measured(tmp_path):
    path = write(tmp_path / "a.avi", "mjpeg", pix_fmt="yuvj420p", length=5)
    data = bytearray(path.read_bytes())
    place = data.find(b"vids") + 20  # scale and rate of the stream's header
    data[place : place + 8] = struct.pack("<II", 1, 5000)
    path.write_bytes(data)
    source = Video(path)
    assert source.info.fps == pytest.approx(5000)
    assert len(list(source)) == 5


@pytest.mark.parametrize("claim", [b"00:00:inf", b"so long"])
def test_a_length_that_cannot_be_is_ignored(tmp_path, claim):
    path = write(tmp_path / "a.mkv", length=5)
    data = path.read_bytes()
    place = data.find(b"00:00:00.200000000")
    assert place > 0
    path.write_bytes(data[:place] + claim.ljust(18) + data[place + 18 :])
    source = Video(path)
    assert len(list(source)) == 5
    assert source.problem is None


def broken(folder, kind):
    path = folder / f"{kind}.mp4"
    contents = {
        "empty": b"",
        "random": np.random.default_rng(0).bytes(5000),
        "text": b"hello\n" * 100,
        "playlist": b"#EXTM3U\n#EXTINF:1,\nhttp://localhost/a.ts\n",
    }
    if kind == "folder":
        path.mkdir()
    elif kind == "audio":
        path = write_audio(folder / "audio.wav")
    elif kind == "headless":
        data = write(path).read_bytes()  # its index stands at the end
        path.write_bytes(data[: len(data) // 2])
    elif kind in contents:
        path.write_bytes(contents[kind])
    return path


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        ("absent", "there is no video"),
        ("folder", "is a folder"),
        ("empty", "is empty"),
        ("random", "cannot be opened: Invalid data"),
        ("text", "no video"),
        ("playlist", "no video"),
        ("audio", "no video stream, only audio"),
        ("headless", "damaged at its start"),
    ],
)
def test_a_file_that_is_no_video_is_refused_at_once(tmp_path, kind, cause):
    path = broken(tmp_path, kind)
    with pytest.raises(SourceError, match=cause) as caught:
        Video(path)
    assert path.name in str(caught.value)


@pytest.mark.parametrize(
    ("name", "length", "fps"),
    [
        ("intel_sample_videos/classroom.gif", 45, 15.05),
        ("intel_sample_videos/book.mkv", 109, 30.0),
        ("tfjs_pose/pose_squats.mp4", 65, 5.0),
    ],
)
def test_real_videos(name, length, fps):
    path = SHARED / "media" / name
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    source = Video(path)
    frames = list(source)
    assert source.problem is None
    assert len(frames) == length
    assert source.info.fps == pytest.approx(fps, abs=0.01)
    assert frames[0].time == 0
    assert frames[-1].time == pytest.approx((length - 1) / fps, abs=0.07)
    assert (np.diff([f.time for f in frames]) > 0).all()
