"""Loading a module when it is used: for the commands of both sides, which others wait for."""

import importlib
import sys
from importlib.util import find_spec
from types import ModuleType


def put_off(name: str) -> None:
    """Have the submodule of a package be loaded when something of it is used, not before.

    For one that others import at their top without a use for it. In its place stands a module that
    loads it; call this in programs, not in libraries. Does nothing if it is loaded already.
    """
    if name in sys.modules:
        return
    stand_in = ModuleType(name)
    stand_in.__spec__ = find_spec(name)

    def load(attribute: str) -> object:
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]
        return getattr(importlib.import_module(name), attribute)

    stand_in.__getattr__ = load  # type: ignore[method-assign] # PEP 562
    package, _, child = name.rpartition(".")
    sys.modules[name] = stand_in
    setattr(sys.modules[package], child, stand_in)
