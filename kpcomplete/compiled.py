"""Loops over numbers that are compiled when they are needed, never before."""

import functools
import inspect
import logging
import types
from collections.abc import Callable
from typing import Any, TypeVar, cast

_log = logging.getLogger(__name__)
_KNOWN: list["Compiled"] = []
F = TypeVar("F", bound=Callable[..., Any])


def compiled(signature: str | None = None) -> Callable[[F], F]:
    """Let numba compile a function when it is first called; importing it costs nothing.

    What was compiled is kept beside the source, or else in the user's cache folder; where neither
    can be written, it is compiled again by each process. Numba asks the function's own file
    whether what it kept is still good, so compiled functions call those of the same file only.

    Args:
        signature: Types that it takes and returns, as numba spells them. None: only other compiled
            functions of the file call it.
    """

    def wrap(function: F) -> F:
        made = Compiled(function, signature)
        if signature is not None:
            _KNOWN.append(made)
        return cast(F, made)

    return wrap


def prepare() -> None:
    """Compile everything now, or read what was kept, rather than when a camera is running."""
    told = False
    for function in _KNOWN:
        made = function.make()
        if not told and made.stats.cache_misses:
            told = True
            _log.warning("compiling what live frames need: this takes half a minute, once")


class Compiled:
    """A function that is compiled when it is first called, see `compiled`.

    Args:
        function: Loops over numbers.
        signature: Types that it takes and returns, or None.
    """

    def __init__(self, function: Callable[..., Any], signature: str | None) -> None:
        # what checks types in tests is nothing for a compiler
        self._function, self._signature = inspect.unwrap(function), signature
        self._made: Any = None
        functools.update_wrapper(self, function)

    def __call__(self, *arguments: Any) -> Any:
        made = self._made or self.make()
        return made(*arguments)

    @property
    def calls(self) -> dict[str, "Compiled"]:
        """Compiled functions that it calls, by name."""
        function = cast(types.FunctionType, self._function)
        found = {name: function.__globals__.get(name) for name in function.__code__.co_names}
        return {name: value for name, value in found.items() if isinstance(value, Compiled)}

    def make(self) -> Any:
        """Return what numba makes of the function."""
        if self._made is None:
            self._made = self._compile()
        return self._made

    def _compile(self) -> Any:
        from numba import njit  # takes a third of a second

        def made(*, cache: bool) -> Any:
            wrap = njit(self._signature, cache=cache, nogil=True, error_model="numpy")
            return wrap(self._resolved())

        if self._signature is None:  # becomes part of what calls it
            return made(cache=False)
        try:
            return made(cache=True)
        except (OSError, RuntimeError):  # no folder that can be written, or a full one
            return made(cache=False)

    def _resolved(self) -> Callable[..., Any]:
        """Return the function with those it calls as the compiler knows them."""
        function = cast(types.FunctionType, self._function)
        known = {name: called.make() for name, called in self.calls.items()}
        made = types.FunctionType(
            function.__code__, {**function.__globals__, **known}, function.__name__
        )
        made.__module__, made.__qualname__ = function.__module__, function.__qualname__
        return made
