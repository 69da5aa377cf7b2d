"""What mainstay's templates need and the emulator lacks, added to it in its own process.

`kinds` holds resource types that the emulator does not know, `apis` the APIs behind them where it
has none, `wraps` what it knows but does less than AWS, `load_balancer` the way of a
request, `access` the permissions of whoever acts by a role.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules


def install() -> None:
    """Add the missing resource types, APIs and properties. Called once, before it serves.

    Raises RuntimeError where the emulator is another version than the extension was written for.
    """
    from local.emulator.extension import (
        access,
        apis,
        inside,
        kinds,
        load_balancer,
        registry,
        trace,
        wraps,
    )

    inside.check()
    for package in (apis, kinds, wraps):
        for module in iter_modules(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    registry.install()
    apis.install()
    wraps.install()
    access.install()
    load_balancer.install()
    trace.install()
