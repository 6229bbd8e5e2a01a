"""The model bundle that MediaPipe's pose landmarker wants."""

import gc
import io
import logging
import os
import warnings
import zipfile
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from kpcomplete.errors import ModelFileError

DETECTOR = "pose_detector.tflite"
LANDMARKS = "pose_landmarks_detector.tflite"
logger = logging.getLogger(__name__)
_TFLITE_MAGIC = b"TFL3"  # bytes 4..8 of every TensorFlow Lite model


def task_bytes(model: str | None) -> bytes:
    """Return the content of a ``.task`` file that a pose landmarker can be made of.

    Args:
        model: Path of a ``.task`` file; or None for BlazePose *full*, put together in memory from
            the two networks inside MediaPipe's wheel and kept in the user's cache folder. Where
            that cannot be written, a warning is logged and the bundle is only held in memory.

    Raises:
        ModelFileError: If the file is missing or no pose landmarker bundle, or if MediaPipe's
            wheel does not carry the networks.
    """
    if model is None:
        return _kept(cached_path())
    path = Path(model).expanduser()
    if not path.is_file():
        raise ModelFileError(
            f"model {model!r} must be a MediaPipe pose landmarker file (.task), but "
            f"{'it is a folder' if path.is_dir() else 'there is no such file'}"
        )
    content = path.read_bytes()
    _check(content, model)
    return content


def cached_path() -> Path:
    """Return where the bundle made of MediaPipe's wheel is kept; it may not exist yet."""
    folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(folder) / "kpcomplete" / f"blazepose_full-mediapipe-{version('mediapipe')}.task"


def _kept(path: Path) -> bytes:
    """Return the bundle from the cache; make it where it is missing or damaged."""
    if path.is_file():
        try:
            content = path.read_bytes()
            _check(content, str(path))
        except (ModelFileError, OSError) as error:
            logger.warning("the cached pose model is made anew: %s", error)
        else:
            return content
    content = _bundled()
    part = path.with_name(f".{path.name}.part-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        logger.warning("the pose model cannot be kept in %s and is made anew: %s", path, error)
        _remove(part)
    return content


def _remove(part: Path) -> None:
    with suppress(OSError):
        part.unlink(missing_ok=True)


def _check(content: bytes, name: str) -> None:
    """Refuse what MediaPipe would refuse with an obscure message."""
    wanted = f"model {name!r} must be a zip file with {DETECTOR} and {LANDMARKS}"
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as bundle:
            members = bundle.namelist()
            missing = {DETECTOR, LANDMARKS} - set(members)
            if missing:
                raise ModelFileError(f"{wanted}, but it holds {', '.join(members) or 'nothing'}")
            for member in (DETECTOR, LANDMARKS):
                if bundle.getinfo(member).compress_type != zipfile.ZIP_STORED:
                    raise ModelFileError(f"{wanted}, uncompressed, but {member} is compressed")
                if bundle.read(member)[4:8] != _TFLITE_MAGIC:
                    raise ModelFileError(f"{wanted}, but {member} is no TensorFlow Lite model")
    except zipfile.BadZipFile as error:
        found = f"{len(content)} bytes that are none ({error})"
        raise ModelFileError(f"{wanted}, but got {found}") from error


@cache
def _bundled() -> bytes:
    """Put the two networks of MediaPipe's wheel, with the metadata they lack, into one bundle."""
    modules = files("mediapipe") / "modules"
    parts = {  # network, mean and standard deviation that its input is normalised with
        DETECTOR: (modules / "pose_detection" / "pose_detection.tflite", 127.5, 127.5),
        LANDMARKS: (modules / "pose_landmark" / "pose_landmark_full.tflite", 0.0, 255.0),
    }
    bundle = io.BytesIO()
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_STORED) as writer:
        for member, (network, mean, deviation) in parts.items():
            if not network.is_file():
                raise ModelFileError(
                    f"MediaPipe must carry {network}, but it does not; install mediapipe==0.10.21 "
                    "or give the path of a .task file as 'model'"
                )
            writer.writestr(member, _with_metadata(network.read_bytes(), mean, deviation))
    return bundle.getvalue()


def _with_metadata(network: bytes, mean: float, deviation: float) -> bytes:
    from mediapipe.tasks.python.metadata.metadata_writers.metadata_writer import MetadataWriter

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves files of its own open
        writer = MetadataWriter(bytearray(network))
        writer.add_image_input([mean], [deviation])
        described = bytes(writer.populate()[0])
        writer._temp_folder.cleanup()  # for the same reason; the writer is in a reference cycle
        del writer
        gc.collect()
    return described
