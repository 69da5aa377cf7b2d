"""What AWS does by itself for a role, or as one of its services: each module judges one such."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules


def install() -> None:
    for module in iter_modules(__path__, f"{__name__}."):
        import_module(module.name).install()
