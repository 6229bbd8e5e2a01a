import numpy as np
import pytest
from PIL import Image

from kpcomplete.errors import SettingError, SourceError
from kpcomplete.source import Source
from kpcomplete.source.images import Images


def save(path, level=100, size=(8, 6), mode="RGB", **keys):
    width, height = size
    if mode == "I;16":
        image = Image.fromarray(np.full((height, width), level << 8, np.uint16))
    else:
        colour = np.zeros((height, width, 3), np.uint8)
        colour[..., 0] = level  # red
        image = Image.fromarray(colour).convert(mode)
    image.save(path, **keys)
    return path


def test_natural_order_times_and_channels(tmp_path):
    for i in (10, 2, 1):
        save(tmp_path / f"frame{i}.png", 10 * i)
    (tmp_path / "notes.txt").write_text("no image")
    save(tmp_path / ".hidden.png", 5)
    source = Images(tmp_path, fps=10)
    frames = list(source)
    assert isinstance(source, Source)
    assert [f.image[0, 0].tolist() for f in frames] == [[0, 0, 10], [0, 0, 20], [0, 0, 100]]
    assert [(f.index, f.time) for f in frames] == [(0, 0.0), (1, 0.1), (2, 0.2)]
    assert source.info.image_size == (8, 6)
    assert source.info.length == 3
    assert source.problem is None


def test_a_pattern_a_list_and_a_single_file(tmp_path):
    files = [save(tmp_path / f"{i}.png", i) for i in range(3)]
    save(tmp_path / "x.bmp", 9, (2, 2))
    assert len(list(Images(str(tmp_path / "*.png")))) == 3
    order = [f.image[0, 0, 2] for f in Images([files[2], files[0]])]
    assert order == [2, 0]
    assert len(list(Images(files[1]))) == 1


@pytest.mark.parametrize(
    ("mode", "suffix", "expected"),
    [
        ("L", ".png", [30, 30, 30]),
        ("P", ".gif.png", [0, 0, 100]),
        ("RGBA", ".png", [0, 0, 100]),
        ("LA", ".png", [30, 30, 30]),
        ("1", ".png", None),
        ("I;16", ".png", [100, 100, 100]),
        ("I;16", ".tiff", [100, 100, 100]),
        ("CMYK", ".jpg", [0, 0, 100]),
    ],
)
def test_kinds_of_pixels(tmp_path, mode, suffix, expected):
    save(tmp_path / f"a{suffix}", mode=mode)
    (frame,) = Images(tmp_path)
    assert frame.image.dtype == np.uint8
    assert frame.image.shape == (6, 8, 3)
    assert frame.image.flags.c_contiguous
    if expected is not None:
        np.testing.assert_allclose(frame.image[3, 4], expected, atol=3)


def test_the_orientation_of_a_camera_is_followed(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "a.jpg", exif=exif)
    source = Images(tmp_path)
    assert source.info.image_size == (6, 8)
    assert next(iter(source)).image.shape == (8, 6, 3)


@pytest.mark.parametrize("damage", [b"", b"no image", None])
def test_an_unreadable_image_is_a_frame_without_one(tmp_path, damage):
    for i in range(4):
        save(tmp_path / f"{i}.jpg", size=(64, 64))
    broken = tmp_path / "2.jpg"
    broken.write_bytes(broken.read_bytes()[:400] if damage is None else damage)
    source = Images(tmp_path)
    frames = list(source)
    assert [f.image is None for f in frames] == [False, False, True, False]
    assert "1 of 4 images could not be read (2.jpg:" in source.problem
    assert source.info.length == 4


def test_two_sizes_in_a_folder_are_refused(tmp_path):
    save(tmp_path / "1.png")
    save(tmp_path / "2.png")
    save(tmp_path / "3.png", size=(9, 6))
    save(tmp_path / "4.png", size=(7, 6))
    with pytest.raises(SourceError, match=r"3\.png' is 9x6, not 8x6 as of 1\.png"):
        Images(tmp_path)


def test_what_holds_no_image_is_refused(tmp_path):
    with pytest.raises(SourceError, match="holds no image"):
        Images(tmp_path)
    with pytest.raises(SourceError, match="there is no folder or pattern of images"):
        Images(tmp_path / "absent")
    with pytest.raises(SourceError, match=r"there is no image .*gone\.png"):
        Images([tmp_path / "gone.png"])
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(SourceError, match=r"none of 1 images can be read \(a\.png"):
        Images(tmp_path)
    with pytest.raises(SettingError, match="fps of images must be positive, but is 0"):
        Images(save(tmp_path / "b.png"), fps=0)
