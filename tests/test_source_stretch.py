"""Some frames of a video: the same as those of the whole, wherever decoding starts."""

import numpy as np
import pytest
import video_files

from kpcomplete.errors import SourceError
from kpcomplete.source.stretch import Marks, Stretch
from kpcomplete.source.video import Video


def made(path, codec, **keys):
    length = 43
    rng = np.random.default_rng(0)
    pts = np.cumsum(rng.integers(1, 4, length)).tolist() if keys.pop("uneven", False) else None
    return video_files.write(path, codec=codec, length=length, pts=pts, **keys)


@pytest.mark.parametrize(
    ("name", "codec", "keys"),
    [
        ("a.mp4", "libx264", {}),
        ("uneven.mkv", "libx264", {"uneven": True}),
        ("late.mkv", "libx264", {"start": 30}),
        ("b.avi", "mpeg4", {}),
        ("c.ts", "libx264", {}),
        ("d.mkv", "mjpeg", {"pix_fmt": "yuvj420p"}),
    ],
)
def test_a_stretch_is_a_part_of_the_whole(tmp_path, name, codec, keys):
    video = Video(made(tmp_path / name, codec, **keys))
    whole = list(video)
    for first, last in ((0, 1), (0, 43), (7, 12), (20, 43), (42, 43)):
        part = list(Stretch(video, first, last))
        assert [f.index for f in part] == list(range(first, last))
        for one, same in zip(part, whole[first:last], strict=True):
            assert one.time == same.time
            np.testing.assert_array_equal(one.image, same.image)


def test_what_is_before_is_not_decoded(tmp_path, monkeypatch):
    video = Video(video_files.write(tmp_path / "a.mp4", length=60))  # a key frame every 5
    converted = []
    image = Video.image
    monkeypatch.setattr(
        Video, "image", lambda self, p, *rest: converted.append(p.pts) or image(self, p, *rest)
    )
    stretch = Stretch(video, 52, 55)
    decoded = []
    inner = stretch._decoded

    def counted(tick):
        for frame in inner(tick):
            decoded.append(frame.index)
            yield frame

    monkeypatch.setattr(stretch, "_decoded", counted)
    assert len(list(stretch)) == 3
    marks = Marks.of(video)
    key = np.searchsorted(marks.ticks, marks.keys[marks.keys <= marks.ticks[52]][-1])
    assert decoded[0] == key >= 50
    assert len(converted) <= 5


def test_where_seeking_fails_decoding_starts_at_the_beginning(tmp_path, monkeypatch):
    video = Video(video_files.write(tmp_path / "a.mp4", length=30))
    stretch = Stretch(video, 22, 25)
    inner = stretch._decoded

    def misses(tick):
        frames = inner(tick)
        return (f for f in frames if f.index > 23) if tick is not None else frames

    monkeypatch.setattr(stretch, "_decoded", misses)
    assert [f.index for f in stretch] == [22, 23, 24]


def test_frames_that_are_not_there(tmp_path):
    video = Video(video_files.write(tmp_path / "a.mp4", length=30))
    with pytest.raises(SourceError, match=r"frames 20 to 31, but is a video of 30 frames"):
        Stretch(video, 20, 31)


def test_a_container_that_does_not_tell_is_not_cut(tmp_path):
    path = video_files.write(tmp_path / "a.h264", length=30)
    assert Marks.of(Video(path)) is None
    with pytest.raises(SourceError, match="whose frames cannot be found"):
        Stretch(Video(path), 0, 5)


def test_a_damaged_frame_is_counted(tmp_path):
    path = video_files.write(tmp_path / "a.mov", "png", pix_fmt="rgb24", length=20)
    data = bytearray(path.read_bytes())
    places = [i for i in range(len(data)) if data[i : i + 8] == b"\x89PNG\r\n\x1a\n"]
    data[places[12] : places[13]] = bytes(places[13] - places[12])
    path.write_bytes(bytes(data))
    before, around = (Stretch(Video(path), *ends) for ends in ((0, 12), (10, 15)))
    assert [f.image is None for f in around] == [False, False, True, False, False]
    assert around.problem == "1 frames could not be decoded"
    assert len(list(before)) == 12
    assert before.problem is None
