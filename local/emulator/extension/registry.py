"""CloudFormation types that the extension adds to the emulator, and how each one behaves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

from botocore.exceptions import ClientError

from local.emulator.extension import inside
from local.emulator.extension.client import absent

Properties = Mapping[str, Any]


class Made(NamedTuple):
    """A resource: what `Ref` returns, and what `Fn::GetAtt` returns by name."""

    physical_id: str
    attributes: dict[str, Any]


class Naming(NamedTuple):
    """Names a resource that has none in its template."""

    stack: str
    logical_id: str

    def name(self, *, longest: int, lowercase: bool = False) -> str:
        return inside.physical_name(
            self.stack, self.logical_id, lowercase=lowercase, longest=longest
        )


class ResourceKind(ABC):
    """One CloudFormation type: a subclass per type, with the decorator below.

    `replaced_by` names the properties whose change makes a new resource, as the type's page in
    the CloudFormation reference lists; the engine deletes the old one when the update succeeded.
    """

    replaced_by: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def create(self, properties: Properties, naming: Naming) -> Made:
        """Make the resource by its service's API."""

    def update(self, physical_id: str, old: Properties, new: Properties) -> Made:
        """In place; `replaced_by` did not change. Not there where it names every property."""
        changed = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
        raise ValueError(f"{type(self).__name__} has no update in place of {', '.join(changed)}")

    @abstractmethod
    def delete(self, physical_id: str, properties: Properties) -> None:
        """Take it away; one that is gone already is no error."""


KINDS: dict[str, ResourceKind] = {}


def kind(name: str) -> Callable[[type[ResourceKind]], type[ResourceKind]]:
    """Register a class as what handles `name`, such as AWS::EC2::EIP."""

    def register(handler: type[ResourceKind]) -> type[ResourceKind]:
        if name in KINDS:
            raise ValueError(f"'{name}' should be registered once")
        KINDS[name] = handler()
        return handler

    return register


def install() -> None:
    """Give every registered type to the emulator's engine."""
    original = inside.stacks._runs_on_worker_thread
    inside.stacks._runs_on_worker_thread = lambda name: name in THREADED or original(name)
    for name, handler in KINDS.items():
        inside.handlers()[name] = _functions(handler)
    THREADED.update(KINDS)


# Types whose handlers call the emulator over loopback: they must not run on its event loop.
THREADED: set[str] = set()


def _functions(handler: ResourceKind) -> dict[str, Any]:
    def create(logical_id: str, properties: Properties, stack: str) -> tuple[str, dict[str, Any]]:
        return tuple(handler.create(properties, Naming(stack, logical_id)))  # pyright: ignore

    def update(
        physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str
    ) -> tuple[str, dict[str, Any]]:
        if any(old.get(name) != new.get(name) for name in handler.replaced_by):
            return inside.provisioners._seeded_create(create, logical_id, new, stack)
        return tuple(handler.update(physical_id, old, new))  # pyright: ignore

    def delete(physical_id: str, properties: Properties) -> None:
        try:
            handler.delete(physical_id, properties)
        except ClientError as error:
            if not absent(error):  # deleting twice is one deletion
                raise

    return {"create": create, "update": update, "update_with_logical_id": True, "delete": delete}
