"""Write completer, lifter or head as ONNX files, for ONNX Runtime here or anywhere."""

from omegaconf import DictConfig, OmegaConf

from kpcomplete.app.command import command
from kpcomplete.exporting import export


@command("export_model")
def main(cfg: DictConfig) -> None:
    """Export each of ``weights`` to ``output_dir``."""
    wanted = list(cfg.weights) if OmegaConf.is_list(cfg.weights) else [cfg.weights]
    for weights in wanted:
        for path in export(str(weights), str(cfg.output_dir)):
            print(f"{path}  {path.stat().st_size / 1e3:.0f} kB")
