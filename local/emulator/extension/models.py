"""botocore's models of services, without types: botocore's own help no type checker."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

import botocore.session

_model: Any = import_module("botocore.model")

ListShape: Any = _model.ListShape
MapShape: Any = _model.MapShape
StructureShape: Any = _model.StructureShape


@cache
def names() -> set[str]:
    """Return every service that botocore has a model of."""
    return set(botocore.session.get_session().get_available_services())


@cache
def service(name: str) -> Any:
    """Return the model of a service, such as "wafv2"."""
    return botocore.session.get_session().get_service_model(name)


def wire_name(shape: Any, name: str) -> str:
    """Return what a member is called on the wire."""
    return shape.members[name].serialization.get("name", name)
