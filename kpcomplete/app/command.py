"""What the commands have in common: how they start, and how they end."""

import functools
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from kpcomplete.app import trust
from kpcomplete.errors import KpcompleteError, SettingError
from kpcomplete.source.auto import expand


def command(config_name: str) -> Callable[[Callable[[DictConfig], None]], Callable[[], None]]:
    """Make a function of a config a command; errors meant for users end it in one line.

    SIGTERM ends it as Ctrl-C does, so that nothing half written stays behind.
    """

    def decorate(function: Callable[[DictConfig], None]) -> Callable[[], None]:
        @functools.wraps(function)
        def guarded(cfg: DictConfig) -> None:
            logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
            try:
                with _terminable():
                    function(cfg)
            except KeyboardInterrupt as error:
                print("interrupted; what was finished is kept", file=sys.stderr)
                number = signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT
                sys.exit(128 + number)  # as shells have it
            except Exception as error:
                meant = next((e for e in _chain(error) if isinstance(e, KpcompleteError)), None)
                if meant is None:
                    raise
                sys.exit(f"error: {meant}")

        main = hydra.main(
            version_base="1.3", config_path="pkg://kpcomplete.conf", config_name=config_name
        )
        run: Callable[[], None] = main(guarded)

        @functools.wraps(function)
        def started() -> None:
            if any(argument.startswith("--e") for argument in sys.argv[1:]):
                sys.exit("error: --experimental-rerun would run what is in a pickle")
            run()

        return started

    return decorate


def _check_what_is_composed() -> None:
    """Have what a config tells Hydra looked at before Hydra acts on it, in workers as well."""
    compose = ConfigLoaderImpl.load_configuration

    @functools.wraps(compose)
    def checked(*args: Any, **kwargs: Any) -> DictConfig:
        cfg = compose(*args, **kwargs)
        try:
            trust.check_hydra(cfg)
        except SettingError as error:
            sys.exit(f"error: {error}")
        return cfg

    setattr(ConfigLoaderImpl, compose.__name__, checked)


_check_what_is_composed()


class Terminated(KeyboardInterrupt):
    """SIGTERM came."""


@contextmanager
def _terminable() -> Iterator[None]:
    """Raise `Terminated` on SIGTERM; only the main thread can."""

    def raise_it(number: int, frame: FrameType | None) -> None:
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, raise_it)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def build(cfg: Any, **parts: Any) -> Any:
    """Instantiate one part of a config with plain Python containers.

    Args:
        cfg: The part.
        parts: What it is given besides, as it is: what looks like a config in it stays one.

    Raises:
        SettingError: If the part does not take these settings, or names code of a package that
            is not trusted; see `kpcomplete.app.trust`.
    """
    trust.check(cfg)
    later = bool(parts) and not cfg.get("_partial_")
    try:
        made = instantiate(cfg, _convert_="all", **({"_partial_": True} if parts else {}))
    except hydra.errors.InstantiationException as error:
        if any(isinstance(e, KpcompleteError) for e in _chain(error)):
            raise
        if isinstance(error.__cause__, TypeError) and _is_of_the_call(error.__cause__):
            raise SettingError(str(error).replace("\n", " ")) from error
        raise
    whole = functools.partial(made, **parts) if parts else made
    if not later:
        return whole
    try:
        return whole()
    except TypeError as error:
        if _is_of_the_call(error):
            raise SettingError(f"{cfg.get('_target_')}: {error}") from error
        raise


def paths_of(cfg: DictConfig) -> list[str]:
    """Return the recordings that ``source=PATH`` stands for.

    Raises:
        SettingError: If the source is not one with a path.
        SourceError: If there is nothing at the path.
    """
    if OmegaConf.is_missing(cfg.source, "path"):
        raise SettingError("name what to read with source=PATH")
    if "path" not in cfg.source:
        raise SettingError(f"this command wants source=PATH, but got {cfg.source}")
    path = cfg.source.path
    return expand(list(path) if OmegaConf.is_list(path) else path)


def _is_of_the_call(error: TypeError) -> bool:
    """Whether a call did not fit its function, rather than something inside going wrong."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    name = "" if trace is None else trace.tb_frame.f_code.co_filename
    return name == __file__ or "hydra" in name


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
