"""Finds the actions on resources that an operation needs; `actions` lists them by service."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from local.emulator.extension.access.asked import AskedOperation, UnknownCallError


class Check(NamedTuple):
    """One action on one resource; `context` has the keys that policies may ask for."""

    action: str
    resource: str
    context: Mapping[str, str | Sequence[str]] = {}


Checks = Iterable[Check]
Needs = Callable[[AskedOperation], Checks | None]
_SERVICES: dict[str, Needs] = {}

# What AWS answers to whoever is anybody (IAM User Guide, GetCallerIdentity).
_FREE = {"sts:GetCallerIdentity"}


def service(name: str) -> Callable[[Needs], Needs]:
    """Register what a service's operations need; its function returns None for one unknown."""

    def register(function: Needs) -> Needs:
        if name in _SERVICES:
            raise ValueError(f"'{name}' should be registered once")
        _SERVICES[name] = function
        return function

    return register


def of(asked: AskedOperation) -> list[Check]:
    """Return what the call needs. Raises UnknownCallError where nobody has written it down."""
    if asked.action in _FREE:
        return []
    function = _SERVICES.get(asked.service)
    found = function(asked) if function is not None else None
    if found is None:
        raise UnknownCallError(
            f"what {asked.action} needs is not written down: "
            "add it to local/emulator/extension/access/actions"
        )
    return list(found)


def each(action: str, resources: Iterable[str], context: Mapping[str, str] = {}) -> Iterator[Check]:
    """Yield the same action on several resources; on every resource where none is named."""
    for resource in list(resources) or ["*"]:
        yield Check(action, resource, context)
