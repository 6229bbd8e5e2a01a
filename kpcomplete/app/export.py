"""Write results of ``process``, or stored poses of other tools, in another format."""

from pathlib import Path

from omegaconf import DictConfig
from tqdm import tqdm

from kpcomplete.app.command import build, command
from kpcomplete.process import output_stems
from kpcomplete.recording import read_recording
from kpcomplete.source.auto import expand


@command("export")
def main(cfg: DictConfig) -> None:
    """Export every recording of ``source`` to ``<stem><ending of the format>``."""
    exporter = build(cfg.exporter)
    recordings = expand(cfg.source)
    stems = output_stems(recordings)
    for recording in tqdm(recordings, unit="file", disable=len(recordings) < 2 or None):
        folder = Path(cfg.output_dir) if cfg.output_dir else Path(recording).parent
        target = folder / f"{stems[recording]}{exporter.ending}"
        exporter(read_recording(recording), target)
        print(target)


if __name__ == "__main__":
    main()
