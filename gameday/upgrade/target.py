"""Where the load goes, and where what it did is looked up: all that clients and checks need."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

PASSWORD = "correct horse battery staple"
ADMINISTRATOR = "admin"  # the login of each tenant's


@dataclass(frozen=True, kw_only=True)
class LoadedTenant:
    """A tenant of the load: the label before the domain, and its id."""

    label: str
    id: str


@dataclass(frozen=True, kw_only=True)
class Entrance:
    """The public load balancer as clients see it.

    `authority` is the file of what its certificate is signed by; None for plain HTTP.
    """

    host: str
    port: int
    domain: str
    authority: str | None

    def name(self, tenant: str) -> str:
        """Return the Host, and the name that the certificate answers to."""
        return f"{tenant}.{self.domain}"


@dataclass(frozen=True, kw_only=True)
class UpgradeTarget:
    """`users` is the number of each tenant's accounts: `user0` to `user<users - 1>`.

    `masters` and `transaction` are connection strings: of A and B, and of the transaction store.
    """

    entrance: Entrance
    tenants: tuple[LoadedTenant, ...]
    users: int
    masters: tuple[str, str]
    transaction: str

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def from_json(text: str) -> UpgradeTarget:
    found = json.loads(text)
    return UpgradeTarget(
        entrance=Entrance(**found["entrance"]),
        tenants=tuple(LoadedTenant(**each) for each in found["tenants"]),
        users=found["users"],
        masters=_two(found["masters"]),
        transaction=found["transaction"],
    )


def _two(values: Sequence[str]) -> tuple[str, str]:
    first, second = values
    return first, second


def login(number: int) -> str:
    """Return the login name of the user with this number."""
    return f"user{number}"
