"""Puts a step after what the emulator's own handler of a type does.

Each type is wrapped on a thread of its own, so a step may call the emulator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.registry import THREADED, Made, Properties

# Given the resource, its properties before (empty when it is new) and now; may change attributes.
After = Callable[[Made, Properties, Properties], None]


def after(name: str, then: After) -> None:
    """Run `then` after each create and each update of the type `name`."""
    handler = inside.handlers()[name]
    original_create, original_update = handler["create"], handler["update"]

    def create(logical_id: str, properties: Properties, stack: str) -> tuple[str, dict[str, Any]]:
        made = Made(*original_create(logical_id, properties, stack))
        then(made, {}, properties)
        return made.physical_id, made.attributes

    def update(
        physical_id: str, old: Properties, new: Properties, *context: Any
    ) -> tuple[str, dict[str, Any]]:
        made = Made(*original_update(physical_id, old, new, *context))
        then(made, old if made.physical_id == physical_id else {}, new)
        return made.physical_id, made.attributes

    handler.update(create=create, update=update)
    THREADED.add(name)
