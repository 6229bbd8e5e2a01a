"""Hide joints on purpose, and measure how well each completer brings them back."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from omegaconf import DictConfig, OmegaConf

from kpcomplete import checkpoint, report, summary
from kpcomplete.app.command import build, command, paths_of
from kpcomplete.app.process import weights_of
from kpcomplete.comparison import Comparison
from kpcomplete.errors import SettingError
from kpcomplete.material import Material, Windows
from kpcomplete.output import whole
from kpcomplete.recording import provenance
from kpcomplete.replay import Recorded, stored, true_joints
from kpcomplete.robustness import Mode, compare


@command("evaluate")
def main(cfg: DictConfig) -> None:
    """Print a table of errors; write it, the report and all figures to ``output_dir``."""
    torch.set_num_threads(1)  # poses are small
    if "task" in cfg:  # an experiment that does not compare completers
        figures = build(cfg.task)
        print(*(f"{name}={value:.4g}" for name, value in figures.items()))
        return
    names = chosen(cfg)
    refit(cfg)
    materials = list(materials_of(cfg))
    modes = modes_of(cfg, names)
    judged = [name for name in cfg.judged if name in names]
    occlusions = {str(name): build(one) for name, one in cfg.occlusions.items()}
    findings = compare(materials, occlusions, modes, (judged or names)[0])
    comparison = Comparison(findings, judged, cfg.reference)
    weights = {name: dict(weights_of(_plain(cfg.completers[name]))) for name in names}
    made = provenance(
        config=_plain(cfg), weights={k: v for one in weights.values() for k, v in one.items()}
    )
    page = report.page(
        comparison,
        occlusions,
        verdict=summary.verdict(comparison),
        cautions=summary.cautions(comparison, *acquaintances(weights)),
        about=summary.about(comparison, materials, made),
        worst=cfg.worst,
    )
    table = summary.table(comparison)
    write(Path(cfg.output_dir), page, table, comparison.table(), made)
    print(table, *summary.verdict(comparison), sep="\n")
    print(f"\nreport: {Path(cfg.output_dir) / 'report.html'}")


def chosen(cfg: DictConfig) -> list[str]:
    """Return the names of the completers that are compared.

    Raises:
        SettingError: If there is no such completer, or the reference is not compared.
    """
    names = [str(name) for name in (cfg.completers if cfg.compare is None else cfg.compare)]
    asked = [*names, *cfg.judged, *([cfg.reference] if cfg.reference else [])]
    unknown = [name for name in asked if name not in cfg.completers]
    if unknown or not names:
        raise SettingError(f"no completer {unknown}; there are {', '.join(cfg.completers)}")
    if cfg.reference and cfg.reference not in names:
        raise SettingError(
            f"reference={cfg.reference} must be one of those compared: {', '.join(names)}"
        )
    return list(dict.fromkeys(names))


def refit(cfg: DictConfig) -> None:
    """Let completers take models from the folder ``weights`` where it has some of their name.

    Raises:
        SettingError: If it has none: the shipped ones may know the people who are tested.
    """
    if not cfg.weights:
        return
    taken = False
    for settings in cfg.completers.values():
        for key, value in settings.items():
            file = Path(cfg.weights) / f"{value}.safetensors"
            if isinstance(value, str) and file.is_file():
                settings[key], taken = str(file), True
    if not taken:
        raise SettingError(
            f"weights={cfg.weights} must be a folder with models that are called like shipped "
            "ones, such as completer.safetensors, but has none"
        )


def modes_of(cfg: DictConfig, names: list[str]) -> dict[str, Mode]:
    """Return the modes, each with the completers that can do with what it sees."""
    modes = {}
    for mode, settings in cfg.modes.items():
        OmegaConf.update(cfg, "causal", settings.causal)  # some completers do either
        able = {name: build(cfg.completers[name]) for name in names}
        if settings.causal:
            able = {name: one for name, one in able.items() if one.causal}
        if able:
            modes[str(mode)] = Mode(window=build(settings.window), completers=able)
    if not modes:
        raise SettingError(f"none of {', '.join(names)} fits {', '.join(map(str, cfg.modes))}")
    return modes


def materials_of(cfg: DictConfig) -> Iterator[Material]:
    """Yield the data set, or every recording of ``source``.

    Raises:
        SettingError: If people are named or a truth is given where there can be none.
    """
    if cfg.get("data") is not None:
        yield Windows.of(
            str(cfg.data["_target_"]).rsplit(".", 1)[-1],
            build(cfg.data).load(),
            length=cfg.length,
            count=cfg.windows,
            people=list(cfg.people or []),
        )
        return
    if cfg.people:
        raise SettingError(f"people={list(cfg.people)} are those of a data set: name it with data=")
    paths = paths_of(cfg)
    if cfg.truth is not None and len(paths) > 1:
        raise SettingError(f"truth={cfg.truth} can belong to one recording, but got {len(paths)}")
    gate = build(cfg.gate) if cfg.get("gate") else None
    for path in paths:
        source = build(cfg.source)(path=path)
        poses = stored(source, limit=cfg.limit, min_confidence=cfg.min_confidence, gate=gate)
        known = true_joints(poses, cfg.truth)
        yield Recorded(poses=poses, known=known, alone=not cfg.same_people)


def acquaintances(
    weights: dict[str, dict[str, str]],
) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Return completer to the people it was fitted with, and to those it was calibrated with."""
    fitted: dict[str, set[str]] = {}
    calibrated: dict[str, set[str]] = {}
    for name, files in weights.items():
        for file in files:
            about = checkpoint.load(checkpoint.find(file)).metadata.provenance
            data = about.get("data")
            parts = list(data.values()) if isinstance(data, dict) else []
            parts += [about.get("people"), (about.get("prior") or {}).get("people")]
            fitted.setdefault(name, set()).update(p for part in parts for p in part or ())
            if "calibration" in about:
                calibrated.setdefault(name, set()).update(about.get("held_out") or ())
    return fitted, calibrated


def write(folder: Path, page: str, table: str, figures: pa.Table, made: dict[str, Any]) -> None:
    """Write what was found, each file whole or not at all."""
    with whole(folder / "results.parquet") as path:
        footer = {b"kpcomplete": json.dumps(made, default=str).encode()}
        pq.write_table(figures.replace_schema_metadata(footer), path, compression="zstd")
    for name, text in (("table.txt", table), ("report.html", page)):
        with whole(folder / name) as path:
            path.write_text(text, encoding="utf-8")


def _plain(cfg: Any) -> dict[str, Any]:
    found = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(found, dict)
    return {str(key): value for key, value in found.items()}


if __name__ == "__main__":
    main()
