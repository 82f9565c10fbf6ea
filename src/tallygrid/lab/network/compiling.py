"""Compiled functions that are renewed when what they call in other files has changed."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import TypeVar, cast

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., object])


def compiled_with(*modules: ModuleType) -> Callable[[_Function], _Function]:
    """Compile a function and keep the result, under a name that tells what it was made of.

    numba asks only a function's own file whether what it kept still holds; the name asks
    the files of the modules that it calls.
    """
    files = [Path(str(module.__file__)).read_bytes() for module in modules]
    stamp = sha256(b"".join(files)).hexdigest()[:12]

    def compiled(function: _Function) -> _Function:
        function.__qualname__ = f"{function.__qualname__}_{stamp}"
        try:
            made = njit(cache=True)(function)
        except RuntimeError:  # neither the package's folder nor the user's can be written
            made = njit(function)
        return cast("_Function", made)

    return compiled
