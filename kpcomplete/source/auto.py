"""Which source a path stands for, and which recordings a folder or a pattern holds."""

import difflib
import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from kpcomplete.errors import SourceError
from kpcomplete.source import Source
from kpcomplete.source.images import is_image, natural

VIDEO_SUFFIXES = frozenset(
    (".3gp", ".264", ".265", ".asf", ".avi", ".divx", ".f4v", ".flv", ".gif", ".h264",
     ".h265", ".hevc", ".ivf", ".m2ts", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4",
     ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".ogv", ".ts", ".vob", ".webm", ".wmv", ".y4m")
)  # fmt: skip
POSE_SUFFIXES = frozenset([".parquet", ".csv", ".json"])


def open_source(path: str | Path | Sequence[str | Path]) -> Source:
    """Return the source of one recording.

    A file is a video, an image or stored poses, by its ending or else by its content; a folder
    holds images, or OpenPose's JSON; a pattern or a list holds images.

    Raises:
        SourceError: If there is nothing, or more than one recording, or it cannot be read.
    """
    if not isinstance(path, str | Path):
        if len(path) != 1:
            return _images([str(p) for p in path])
        path = path[0]
    if Path(path).is_file():
        return _file(Path(path))
    recordings = expand(path)
    if len(recordings) != 1:
        raise SourceError(
            f"{str(path)!r} must be one recording, but holds {len(recordings)}: "
            f"{', '.join(recordings[:3])}, …"
        )
    found = Path(recordings[0])
    if found.is_file():
        return _file(found)
    if found.is_dir() and not any(map(is_image, found.iterdir())):
        from kpcomplete.source.poses import Poses

        return Poses(found)
    return _images(recordings[0])


def _images(path: str | list[str]) -> Source:
    from kpcomplete.source.images import Images

    return Images(path)


def _file(path: Path) -> Source:
    from kpcomplete.source.poses import Poses, knows

    suffix = path.suffix.lower()
    if is_image(path):
        return _images(str(path))
    if suffix in POSE_SUFFIXES or (suffix not in VIDEO_SUFFIXES and knows(path)):
        return Poses(path)
    from kpcomplete.source.video import Video

    return Video(path)


def expand(source: str | Path | Iterable[str | Path]) -> list[str]:
    """Return the recordings that a file, a folder, a pattern or a list of these holds, in order.

    A folder of images, and one of OpenPose's JSON, is one recording. Of a folder with videos the
    videos count, else its images, else its stored poses; folders in it do not. ``**`` in a
    pattern stands for any folders on the way. Images that match a pattern are one recording for
    each folder.

    Raises:
        SourceError: If something given is not there or holds no recording.
    """
    if not isinstance(source, str | Path):
        listed = [recording for part in source for recording in expand(part)]
        return list(dict.fromkeys(listed))
    text = os.path.expanduser(source)
    path = Path(text)
    if not text or "\0" in text:
        raise SourceError(f"a source must be a path, but is {text!r}")
    if path.is_dir():
        found = _of_folder(path)
        if not found:
            raise SourceError(_empty_folder(path))
        return found
    if path.exists():
        return [text]
    if glob.has_magic(text):
        found = _of_pattern(text)
        if not found:
            raise SourceError(f"nothing matches {text!r}; {_nearest(path)}")
        return found
    raise SourceError(f"there is no file or folder {text!r}; {_nearest(path)}")


def _visible(paths: Iterable[Path]) -> list[Path]:
    return sorted((p for p in paths if not p.name.startswith(".")), key=natural)


def _of_folder(folder: Path) -> list[str]:
    files = [p for p in _visible(folder.iterdir()) if p.is_file()]
    if videos := [str(p) for p in files if p.suffix.lower() in VIDEO_SUFFIXES]:
        return videos
    if any(map(is_image, files)):
        return [str(folder)]
    poses = [p for p in files if p.suffix.lower() in POSE_SUFFIXES]
    if _is_openpose(poses):
        return [str(folder)]
    return [str(p) for p in poses if _holds_poses(p)]


def _holds_poses(path: Path) -> bool:
    from kpcomplete.archive import is_beside
    from kpcomplete.source.poses import knows

    return not is_beside(path.name) and knows(path)


def _is_openpose(files: list[Path]) -> bool:
    from kpcomplete.importer.openpose import OpenPose

    first = next((p for p in files if p.suffix.lower() == ".json"), None)
    return first is not None and OpenPose().sniff(first)


def _of_pattern(pattern: str) -> list[str]:
    """Return what matches, images and OpenPose's JSON as their folders."""
    matches = [Path(p) for p in glob.glob(pattern, recursive=True)]
    base = os.path.basename(pattern)
    found: dict[str, None] = {}
    openpose: dict[Path, bool] = {}
    if base in ("*", "**"):  # whole folders
        folders = {p if p.is_dir() else p.parent: None for p in _visible(matches)}
        return list(dict.fromkeys(r for folder in folders for r in _of_folder(folder)))
    for path in _visible(matches):
        suffix = path.suffix.lower()
        if path.is_dir():
            found |= dict.fromkeys(_of_folder(path))
        elif is_image(path):
            found[os.path.join(glob.escape(str(path.parent)), base)] = None
        elif suffix == ".json" and openpose.setdefault(path.parent, _is_openpose([path])):
            found[str(path.parent)] = None
        elif suffix in POSE_SUFFIXES:
            found |= {str(path): None} if _holds_poses(path) else {}
        elif suffix in VIDEO_SUFFIXES or os.path.splitext(base)[1]:
            found[str(path)] = None
    return list(found)


def _empty_folder(folder: Path) -> str:
    inside = _visible(folder.iterdir())
    folders = [p.name for p in inside if p.is_dir()]
    text = f"folder {str(folder)!r} holds no video, image or stored poses"
    if folders:
        return f"{text}, but folders ({', '.join(folders[:3])}); for these, give '{folder}/**'"
    names = ", ".join(p.name for p in inside[:3])
    return f"{text}, only {names}" if names else f"{text}; it is empty"


def _nearest(path: Path) -> str:
    """Return what there is instead of a path."""
    parent = path.parent
    missing = path.name
    while not parent.is_dir() and parent != parent.parent:
        parent, missing = parent.parent, parent.name
    try:
        names = [p.name for p in _visible(parent.iterdir())]
    except OSError as error:
        return f"the folder {str(parent)!r} cannot be read: {error.strerror}"
    alike = difflib.get_close_matches(missing, names, n=3, cutoff=0.5)
    where = f"the folder {str(parent.absolute())!r} exists"
    if alike:
        return f"{where}, and in it {', '.join(map(repr, alike))}"
    return f"{where}, but there is no {missing!r} in it"
