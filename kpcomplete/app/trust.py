"""Which code a config may name."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

from omegaconf import OmegaConf

from kpcomplete.errors import SettingError

VARIABLE = "KPCOMPLETE_TRUST"  # packages, by comma; no config can set it, workers inherit it
_OWN = "kpcomplete"
_NAME = re.compile(r"[^\W\d_]\w*(\.[^\W\d]\w*)+")


def check(cfg: Any) -> None:
    """Let a config name only what this project, or a package that the user trusts, defines.

    Constructing a class runs its code, so that a config from elsewhere would be a program. What a
    module only imports (``kpcomplete.archive.os``) is not defined by it, and is refused as well.

    Args:
        cfg: Any part of a config.

    Raises:
        SettingError: If a ``_target_`` is of another package, or does not exist.
    """
    plain = OmegaConf.to_container(cfg, resolve=True) if OmegaConf.is_config(cfg) else cfg
    allowed = (_OWN, *filter(None, os.environ.get(VARIABLE, "").replace(" ", "").split(",")))
    for name in _targets(plain):
        _check(name, allowed)


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
