"""Judges what AWS does by itself for a role or as a service; a module for each such deed."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules


def install() -> None:
    for module in iter_modules(__path__, f"{__name__}."):
        import_module(module.name).install()
