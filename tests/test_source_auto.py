from pathlib import Path

import numpy as np
import pytest
from keypoint_files import coco, openpose, table
from PIL import Image
from video_files import write as write_video

from kpcomplete.errors import SourceError
from kpcomplete.source.auto import expand, open_source
from kpcomplete.source.images import Images
from kpcomplete.source.poses import Poses
from kpcomplete.source.video import Video


def save(path):
    path.parent.mkdir(exist_ok=True, parents=True)
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(path)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A folder with one of everything."""
    root = tmp_path_factory.mktemp("tree")
    for name in ("videos/drive10.mp4", "videos/drive2.mp4", "videos/deep/x.mkv"):
        (root / name).parent.mkdir(exist_ok=True, parents=True)
        write_video(root / name, length=2)
    (root / "videos" / "notes.txt").write_text("nothing")
    (root / "videos" / "._drive2.mp4").write_text("of a Mac")
    save(root / "videos" / "thumbnail.png")
    for name in ("frames/1.png", "frames/2.png", "more/a/1.jpg", "more/b/1.jpg"):
        save(root / name)
    openpose(root / "json")
    (root / "poses").mkdir()
    coco(root / "poses" / "coco.json")
    table(root / "poses" / "table.csv")
    (root / "poses" / "manifest.csv").write_text("source,status\na,b\n")
    (root / "poses" / "settings.json").write_text("{}")
    (root / "empty").mkdir()
    return root


def names(root, found):
    return [str(Path(p).relative_to(root)) for p in found]


@pytest.mark.parametrize(
    ("source", "recordings"),
    [
        ("videos", ["videos/drive2.mp4", "videos/drive10.mp4"]),
        ("videos/drive2.mp4", ["videos/drive2.mp4"]),
        ("videos/*.mp4", ["videos/drive2.mp4", "videos/drive10.mp4"]),
        ("videos/**/*.m*", ["videos/drive2.mp4", "videos/drive10.mp4", "videos/deep/x.mkv"]),
        ("videos/**", ["videos/drive2.mp4", "videos/drive10.mp4", "videos/deep/x.mkv"]),
        ("frames", ["frames"]),
        ("frames/*.png", ["frames/*.png"]),
        ("more/*", ["more/a", "more/b"]),
        ("more/**/*.jpg", ["more/a/*.jpg", "more/b/*.jpg"]),
        ("json", ["json"]),
        ("json/*.json", ["json"]),
        ("poses", ["poses/coco.json", "poses/table.csv"]),
        ("poses/*.csv", ["poses/table.csv"]),
    ],
)
def test_recordings_of_a_source(tree, source, recordings):
    assert sorted(names(tree, expand(str(tree / source)))) == sorted(recordings)


def test_order_is_natural_and_a_list_keeps_its_own_without_repeats(tree):
    assert names(tree, expand(tree / "videos"))[0] == "videos/drive2.mp4"
    listed = [tree / "frames", tree / "videos" / "drive10.mp4", tree / "videos"]
    assert names(tree, expand(listed)) == ["frames", "videos/drive10.mp4", "videos/drive2.mp4"]


@pytest.mark.parametrize(
    ("path", "kind", "length"),
    [
        ("videos/drive2.mp4", Video, 2),
        ("frames", Images, 2),
        ("frames/*.png", Images, 2),
        ("frames/1.png", Images, 1),
        ("json", Poses, 6),
        ("poses/coco.json", Poses, 6),
        ("poses/table.csv", Poses, 6),
    ],
)
def test_the_source_of_a_recording(tree, path, kind, length):
    source = open_source(str(tree / path))
    assert isinstance(source, kind)
    assert len(list(source)) == length


def test_content_decides_where_the_ending_does_not(tree, tmp_path):
    (tmp_path / "video").write_bytes((tree / "videos" / "drive2.mp4").read_bytes())
    (tmp_path / "points.txt").write_bytes((tree / "poses" / "table.csv").read_bytes())
    assert isinstance(open_source(tmp_path / "video"), Video)
    assert isinstance(open_source(tmp_path / "points.txt"), Poses)


def test_a_list_of_images_is_one_recording(tree):
    source = open_source([tree / "frames" / "2.png", tree / "frames" / "1.png"])
    assert [f.name for f in source.files] == ["2.png", "1.png"]


def test_a_folder_with_a_bracket_in_its_name(tmp_path):
    save(tmp_path / "a[1]" / "1.png")
    assert expand(tmp_path / "a[1]") == [str(tmp_path / "a[1]")]
    (pattern,) = expand(str(tmp_path / "*" / "*.png"))
    assert len(list(open_source(pattern))) == 1


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("videos/drive3.mp4", r"there is no file or folder .*'drive2\.mp4'"),
        ("vidoes/drive2.mp4", r"the folder '.*tree0' exists, and in it 'videos'"),
        ("zzz/a/b.mp4", r"tree0' exists, but there is no 'zzz' in it"),
        ("videos/*.avi", r"nothing matches .*videos' exists"),
        ("empty", "it is empty"),
        ("more", r"but folders \(a, b\); for these, give '.*more/\*\*'"),
        ("", "holds no video"),
    ],
)
def test_what_is_not_there_is_explained(tree, source, cause):
    with pytest.raises(SourceError, match=cause):
        expand(str(tree / source))


def test_several_recordings_are_not_one(tree):
    with pytest.raises(SourceError, match="must be one recording, but holds 2"):
        open_source(tree / "videos")
