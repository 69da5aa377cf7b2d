"""Lists what operations need, a module per kind of service: those that somebody here calls."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules


def load() -> None:
    """Register every service of this package."""
    for module in iter_modules(__path__, f"{__name__}."):
        import_module(module.name)
