"""Loops over numbers that are compiled when they are needed, never before."""

import functools
import inspect
import types
from collections.abc import Callable
from typing import Any, TypeVar, cast

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
        return cast(F, _Compiled(function, signature))

    return wrap


class _Compiled:
    def __init__(self, function: Callable[..., Any], signature: str | None) -> None:
        # what checks types in tests is nothing for a compiler
        self._function, self._signature = inspect.unwrap(function), signature
        self._made: Callable[..., Any] | None = None
        functools.update_wrapper(self, function)

    def __call__(self, *arguments: Any) -> Any:
        made = self._made or self.make()
        return made(*arguments)

    def make(self) -> Callable[..., Any]:
        """Return the compiled function."""
        if self._made is None:
            self._made = self._compile()
        return self._made

    def _compile(self) -> Callable[..., Any]:
        from numba import njit  # takes a third of a second

        def compile_(cache: bool) -> Callable[..., Any]:
            made = njit(self._signature, cache=cache, nogil=True, error_model="numpy")
            return cast(Callable[..., Any], made(self._resolved()))

        if self._signature is None:  # becomes part of what calls it
            return compile_(cache=False)
        try:
            return compile_(cache=True)
        except (OSError, RuntimeError):  # no folder that can be written, or a full one
            return compile_(cache=False)

    def _resolved(self) -> Callable[..., Any]:
        """Return the function with those it calls as the compiler knows them."""
        function = cast(types.FunctionType, self._function)
        known = {
            name: value.make()
            for name in function.__code__.co_names
            if isinstance(value := function.__globals__.get(name), _Compiled)
        }
        made = types.FunctionType(
            function.__code__, {**function.__globals__, **known}, function.__name__
        )
        made.__module__, made.__qualname__ = function.__module__, function.__qualname__
        return made
