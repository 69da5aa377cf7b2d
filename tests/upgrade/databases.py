"""What operations do to the databases, as a model: versions, fences and directions.

The operations themselves are tested on real servers (tests/service/operations/test_upgrade.py);
this has their effects and their refusals, for hundreds of runs.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field


class RefusedError(Exception):
    """The exit code of the operation would be 1."""


@dataclass
class Databases:
    """`links` are the directions that replicate now, as publisher and subscriber."""

    target: int = 2
    adds: bool = False  # the migration: old code runs on
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
    dead: set[str] = field(default_factory=set)  # "b" or "follower", which do not answer
    halted: int | None = None  # the version of A before

    def run(self, name: str, without: Collection[str] = (), claimed: str = "breaking") -> None:
        if name == "check":
            self.check(claimed)
        elif name in ("restore", "rejoin"):
            getattr(self, name)(set(without))
        else:
            getattr(self, name)()

    def check(self, claimed: str = "breaking") -> None:
        self._require_there()
        if claimed != "breaking" and not self.adds:
            raise RefusedError(
                "started as one that needs no window, and its migrations may only add"
            )
        if not (self.a == self.b == self.follower and all(self.links.values())):
            raise RefusedError("replication is not whole")
        if self.fenced:
            raise RefusedError("A takes no writes")

    def expand(self) -> None:
        self.transaction = self.target

    def widen(self) -> None:
        if not self.adds:
            raise RefusedError("its migrations may only add")
        self.expand()
        self._require_there()
        if not all(self.links.values()) or self.fenced:
            raise RefusedError("replication is not whole")
        self.a = self.b = self.follower = self.target

    def halt(self) -> None:
        self.halted, self.fenced = self.halted or self.a, True
        self._require_there()
        self.links = dict.fromkeys(self.links, False)

    def migrate(self) -> None:
        self._require_there()
        if not self.fenced or any(self.links.values()):
            raise RefusedError("A is written or read: halt first")
        self.a = self.target

    def open(self) -> None:
        self.fenced, self.halted = False, None

    def publish(self) -> None:
        if self.links["b>a"] and self.b != self.a:
            raise RefusedError("the way back is on")

    def restore(self, without: set[str]) -> None:
        for name in {"b", "follower"} - self.dead - without:
            setattr(self, name, self.a)
        self.written &= "b" in self.dead
        self.rejoin(without)

    def rejoin(self, without: set[str]) -> None:
        away = self.dead | without
        for name in {"b", "follower"} - away:
            setattr(self, name, min(self.a, getattr(self, name)))
        for link in self.links:
            if away.isdisjoint(link.split(">")):
                self.links[link] = True
        if missing := self.dead - without:
            raise RefusedError(f"{sorted(missing)} does not answer")

    def compare(self) -> None:
        if not self.equal or self.a != self.b or not (self.links["a>b"] and self.links["b>a"]):
            raise RefusedError("A and B differ")

    def undo(self) -> None:
        self.lost = self.lost or self.written
        if self.halted is not None:
            self.a, self.halted = self.halted, None
        self.fenced = False

    def _require_there(self) -> None:
        if self.dead:
            raise RefusedError(f"{sorted(self.dead)} does not answer")
