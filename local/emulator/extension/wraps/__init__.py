"""What the emulator knows but does less than AWS: each module puts one such thing right."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules


def install() -> None:
    """Call `install` of every module of this package that has one."""
    for module in iter_modules(__path__, f"{__name__}."):
        if hasattr(found := import_module(module.name), "install"):
            found.install()
