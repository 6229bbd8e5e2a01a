"""Write pictures of what an encoder knows of poses: clusters, maps, poses between and drawn."""

import torch
from omegaconf import DictConfig

from kpcomplete.app.command import build, command
from kpcomplete.batch import PoseBatch
from kpcomplete.classifying import autoencoder
from kpcomplete.data import Data
from kpcomplete.errors import SettingError
from kpcomplete.exploring import explore


@command("explore")
def main(cfg: DictConfig) -> None:
    """Explore as configured, and name the page."""
    data = build(cfg.data)
    if not isinstance(data, Data):
        raise SettingError(f"explore looks at poses, but got {type(data).__name__}")
    poses = data.load()
    draw = torch.Generator().manual_seed(cfg.seed)
    starts = poses.starts(cfg.length, 1)
    starts = starts[torch.randperm(len(starts), generator=draw)[: cfg.windows]]
    frames = starts[:, None] + torch.arange(cfg.length)
    batch = PoseBatch.from_keypoints(poses.keypoints[frames], fps=poses.fps)
    page = explore(
        autoencoder(cfg.encoder), batch, cfg.output_dir, clusters=list(cfg.clusters),
        count=cfg.count, samples=cfg.samples, seed=cfg.seed,
    )  # fmt: skip
    print(f"see {page}")


if __name__ == "__main__":
    main()
