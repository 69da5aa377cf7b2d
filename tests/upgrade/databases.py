"""What operations do to the databases, as a model: versions, fences and directions.

The operations themselves are tested on real servers (tests/service/operations/test_upgrade.py);
this has their effects and their refusals, for hundreds of runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field


class RefusedError(Exception):
    """The exit code of the operation would be 1."""


@dataclass
class Databases:
    """`links` are the directions that replicate now, as publisher and subscriber."""

    target: int = 2
    a: int = 1
    b: int = 1
    follower: int = 1
    transaction: int = 1
    fenced: bool = False  # A; B always is
    links: dict[str, bool] = field(
        default_factory=lambda: {"a>b": True, "b>a": True, "a>follower": True}
    )
    equal: bool = True
    written: bool = False  # users have written in the new schema, and B has not heard of it
    lost: bool = False  # and so it is gone

    def run(self, name: str) -> None:
        getattr(self, name)()

    def check(self) -> None:
        if not (self.a == self.b == self.follower and all(self.links.values())):
            raise RefusedError("replication is not whole")
        if self.fenced:
            raise RefusedError("A takes no writes")

    def expand(self) -> None:
        self.transaction = self.target

    def halt(self) -> None:
        self.fenced = True
        self.links = dict.fromkeys(self.links, False)

    def migrate(self) -> None:
        if not self.fenced or any(self.links.values()):
            raise RefusedError("A is written or read: halt first")
        self.a = self.target

    def open(self) -> None:
        self.fenced = False

    def publish(self) -> None:
        if self.links["b>a"]:
            raise RefusedError("the way back is on")

    def restore(self) -> None:
        self.b = self.follower = self.a
        self.written = False
        self.links = dict.fromkeys(self.links, True)

    def compare(self) -> None:
        if not self.equal or self.a != self.b or not all(self.links.values()):
            raise RefusedError("A and B differ")

    def undo(self) -> None:
        self.lost = self.lost or self.written
        self.a = self.b
        self.links = dict.fromkeys(self.links, True)
        self.fenced = False
