"""Which code a config may name."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from kpcomplete.errors import SettingError

VARIABLE = "KPCOMPLETE_TRUST"  # packages, by comma; no config can set it, workers inherit it
_OWN = "kpcomplete"
_NAME = re.compile(r"[^\W\d_]\w*(\.[^\W\d]\w*)+")
_LOGGING = {f"logging.{n}" for n in ("StreamHandler", "FileHandler", "NullHandler", "Formatter")}
_STREAMS = {"ext://sys.stdout", "ext://sys.stderr"}
_COMMANDS = ("setup", "additional_parameters")  # of launchers: a shell runs them


def check(cfg: Any) -> None:
    """Let a config name only what this project, or a package that the user trusts, defines.

    Constructing a class runs its code, so that a config from elsewhere would be a program. What a
    module only imports (``kpcomplete.archive.os``) is not defined by it, and is refused as well.

    Args:
        cfg: Any part of a config.

    Raises:
        SettingError: If a ``_target_`` is of another package, or does not exist.
    """
    allowed = (_OWN, *_trusted())
    for name in _targets(_plain(cfg)):
        _check(name, allowed)


def check_hydra(cfg: Any) -> None:
    """Let a config tell Hydra nothing that runs code before `check` can look at it.

    Hydra makes its callbacks, sets variables and configures logging on its own. ``--trust hydra``
    lets a config do all that; ``--trust PACKAGE`` callbacks and logging of that package.

    Args:
        cfg: A whole config, as Hydra has composed it.

    Raises:
        SettingError: If callbacks or logging name code of others, if environment variables are
            set, or if a launcher is given commands.
    """
    trusted = _trusted()
    if "hydra" in trusted:
        return
    check(OmegaConf.select(cfg, "hydra.callbacks"))
    if OmegaConf.select(cfg, "hydra.job.env_set"):
        _refuse("hydra.job.env_set is set: a config may not set environment variables")
    launcher = OmegaConf.select(cfg, "hydra.launcher") or {}
    for key in _COMMANDS:
        if launcher.get(key):
            _refuse(f"hydra.launcher.{key} is set: a config may not name commands")
    for part in ("hydra.job_logging", "hydra.hydra_logging"):
        node = OmegaConf.select(cfg, part)
        for name in _makers(OmegaConf.to_container(node) if OmegaConf.is_config(node) else node):
            if name not in {*_LOGGING, *_STREAMS} and str(name).split(".")[0] not in trusted:
                _refuse(f"{part} names {str(name)[:200]!r}")


def _refuse(what: str) -> None:
    raise SettingError(f"{what}; if you trust it, say so with --trust hydra or {VARIABLE}=hydra")


def _trusted() -> tuple[str, ...]:
    return tuple(filter(None, os.environ.get(VARIABLE, "").replace(" ", "").split(",")))


def _plain(cfg: Any) -> Any:
    """Return what stands in a config when all that refers to something else is resolved."""
    if isinstance(cfg, dict | list) and _refers(cfg):
        cfg = OmegaConf.create(cfg)  # as who instantiates it will
    if not OmegaConf.is_config(cfg):
        return cfg
    try:
        return OmegaConf.to_container(cfg, resolve=True)
    except OmegaConfBaseException as error:
        raise SettingError(f"a config refers to what is not there: {error}") from error


def _refers(values: Any) -> bool:
    """Whether a text in plain values stands for something else."""
    if isinstance(values, Mapping):
        values = [*values, *values.values()]
    if isinstance(values, list | tuple):
        return any(map(_refers, values))
    return isinstance(values, str) and "${" in values


def _makers(values: Any) -> Iterator[Any]:
    """Yield what makes handlers and formatters in a config of logging, and what it looks up."""
    if isinstance(values, Mapping):
        yield from (values[key] for key in ("()", "class") if key in values)
        values = list(values.values())
    if isinstance(values, list | tuple):
        for value in values:
            yield from _makers(value)
    elif isinstance(values, str) and values.startswith("ext:"):
        yield values


def _targets(values: Any) -> Iterator[Any]:
    if isinstance(values, Mapping):
        if "_target_" in values:
            yield values["_target_"]
        values = list(values.values())
    if isinstance(values, list | tuple):
        for value in values:
            yield from _targets(value)


def _check(name: Any, allowed: Sequence[str]) -> None:
    wanted = f"must be a class or a function of {', '.join(allowed)}"
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name.split(".")[0] not in allowed:
        raise SettingError(
            f"_target_ {wanted}, but is {str(name)[:200]!r}; if you trust its package, say so with "
            f"--trust PACKAGE or {VARIABLE}=PACKAGE"
        )
    found = _locate(name)
    if found is None:
        raise SettingError(f"_target_ {wanted}, but {name!r} does not exist")
    home = getattr(found, "__module__", None)
    if not isinstance(home, str) or home.split(".")[0] not in allowed:
        raise SettingError(f"_target_ {wanted}, but {name!r} is one of {home}")


def _locate(name: str) -> Any:
    """Return what a dotted name stands for, None if there is nothing; only its package runs."""
    first, *rest = name.split(".")
    try:
        found: Any = import_module(first)
        for i, part in enumerate(rest, start=1):
            if not hasattr(found, part) and isinstance(found, type(os)):
                import_module(".".join([first, *rest[:i]]))
            found = getattr(found, part)
    except (ImportError, AttributeError):
        return None
    return found
