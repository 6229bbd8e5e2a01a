"""Look at results in 3D: in a window, or as pictures, videos and files for other viewers."""

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from kpcomplete.app.command import build, command, paths_of
from kpcomplete.errors import SettingError
from kpcomplete.format import Look
from kpcomplete.output import check_apart


@command("view")
def main(cfg: DictConfig) -> None:
    """Show what was configured, and name what was written."""
    for path in view(cfg):
        print(path)


def view(cfg: DictConfig) -> tuple[Path, ...]:
    """Show what a config like ``conf/view.yaml`` describes; return the files that were written.

    Raises:
        SettingError: If a setting cannot be.
        OutputError: If the output is a result that is shown.
    """
    paths = _paths(cfg)
    takes_many = "paths" in cfg.show
    if not takes_many and len(paths) != 1:
        raise SettingError(f"one result can be shown at a time, but got {len(paths)}")
    format_ = build(cfg.format)
    show = build(cfg.show, **({"paths": paths} if takes_many else {"path": paths[0]}))
    look = Look(
        variant=cfg.variant,
        view=cfg.view,
        hidden=frozenset(str(name) for name in cfg.hide),
        start=cfg.start,
        stop=cfg.stop,
    )
    stem = Path(paths[0] if paths else "view").with_suffix("")
    output = Path(cfg.output) if cfg.output else stem.with_name(stem.name + format_.ending)
    check_apart(output, paths)
    written: tuple[Path, ...] = format_(show, look, output)
    return written


def _paths(cfg: DictConfig) -> list[str]:
    """Return the results to look at; none if a data set is looked at instead."""
    if OmegaConf.is_missing(cfg.source, "path") and cfg.show.get("data") is not None:
        return []
    return paths_of(cfg)


if __name__ == "__main__":
    main()
