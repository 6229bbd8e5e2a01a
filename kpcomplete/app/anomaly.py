"""Flag unusual stretches of recordings, by normal driving of the same seats."""

from omegaconf import DictConfig

from kpcomplete.anomaly.normality import Limit
from kpcomplete.app.command import build, command
from kpcomplete.errors import SettingError
from kpcomplete.source.auto import expand
from kpcomplete.watching import watch


@command("anomaly")
def main(cfg: DictConfig) -> None:
    """Watch as configured, and list what was flagged."""
    if cfg.recordings is None or cfg.normal is None:
        raise SettingError("name what to watch with recordings=PATH and normal=PATH")
    found = watch(
        expand(cfg.recordings),
        expand(cfg.normal),
        build(cfg.parts),
        cfg.output_dir,
        limit=Limit(quantile=cfg.quantile, deviations=cfg.deviations),
        min_confidence=cfg.min_confidence,
        min_frames=cfg.min_frames,
    )
    for x in found:
        print(f"{x.file} {x.seat} frames {x.start} to {x.end}, score {x.score:.1f}")
    print(f"{len(found)} stretches; see {cfg.output_dir}")


if __name__ == "__main__":
    main()
