"""A room that is also a verb: ``hounsfield.train`` is the package, ``hounsfield.train(...)`` its ``run.train``."""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _CallableRoom(ModuleType):
    """A package that can be called: the call goes to the function of the package's own name in its module ``run``."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call the room's function."""
        name = self.__name__.rpartition(".")[2]
        return getattr(import_module(f"{self.__name__}.run"), name)(*arguments, **named)


def make_callable(module_name: str) -> None:
    """Let a package be called; for its own ``__init__``, so that import order never decides what a public name is."""
    sys.modules[module_name].__class__ = _CallableRoom
