"""Write results of ``process``, or stored poses of other tools, in another format."""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig
from tqdm import tqdm

from kpcomplete.app.command import build, command, paths_of
from kpcomplete.archive import read_archive
from kpcomplete.errors import SourceError
from kpcomplete.output import check_apart
from kpcomplete.process import output_stems
from kpcomplete.recording import Recording
from kpcomplete.source.poses import Poses, is_archive


@command("export")
def main(cfg: DictConfig) -> None:
    """Export every recording of ``source`` to ``<stem><ending of the format>``."""
    exporter = build(cfg.exporter)
    recordings = paths_of(cfg)
    stems = output_stems(recordings) if cfg.output_dir else _stems_beside(recordings)
    for recording in tqdm(recordings, unit="file", disable=len(recordings) < 2 or None):
        folder = Path(cfg.output_dir) if cfg.output_dir else Path(recording).parent
        target = folder / f"{stems[recording]}{exporter.ending}"
        check_apart(target, [recording])
        written = exporter(_read(recording, cfg), target)
        print(*(written if len(written) < 4 else [f"{target}: {len(written)} files"]), sep="\n")


def _stems_beside(recordings: Sequence[str]) -> dict[str, str]:
    """Return stems of files beside their recordings, where only those of one folder can clash."""
    folders: dict[Path, list[str]] = {}
    for recording in recordings:
        folders.setdefault(Path(recording).parent, []).append(recording)
    return {r: stem for some in folders.values() for r, stem in output_stems(some).items()}


def _read(path: str, cfg: DictConfig) -> Recording:
    if is_archive(Path(path)):
        return read_archive(path)
    poses = build(cfg.source, path=path)
    if not isinstance(poses, Poses):
        raise SourceError(
            f"{path} must be a result of process or stored poses, but has images; find the "
            f"people first with: kpcomplete process source={path}"
        )
    return poses.recording()
