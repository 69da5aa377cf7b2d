"""Snapshots, as the engine sees them: six calls, and what is known of a snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Description:
    """A snapshot, as EC2 describes it; what it does not say stays at the default."""

    snapshot_id: str
    volume_id: str
    volume_gib: int
    started: str  # ISO 8601 in UTC
    encrypted: bool = False
    kms_key: str | None = None
    region: str = ""
    account: str = ""
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Listed:
    """A block of a listing; without a token it is gone from the snapshot."""

    index: int
    token: str | None


@dataclass(frozen=True, kw_only=True)
class BlockPage:
    """Holds one page of a listing, by index; it may be empty and still have a next one."""

    blocks: Sequence[Listed]
    next_token: str | None
    volume_gib: int
    block_size: int


@dataclass(frozen=True)
class Fetched:
    """A block as it was answered, not yet believed."""

    received: int  # bytes that came; more than the buffer holds are not kept
    checksum: str  # base64 of its SHA-256
    length: int  # that the service states


class Blocks(Protocol):
    """The EBS direct APIs. Every call is one request and raises an error of `errors`."""

    def describe(self, snapshot: str) -> Description:
        """Return the snapshot as EC2 describes it."""
        ...

    def list_blocks(self, snapshot: str, start: int, size: int, token: str | None) -> BlockPage:
        """A page of its allocated blocks."""
        ...

    def list_changed(
        self, first: str, second: str, start: int, size: int, token: str | None
    ) -> BlockPage:
        """A page of what differs in the second."""
        ...

    def get(self, snapshot: str, index: int, token: str, into: memoryview) -> Fetched:
        """Read one block into a buffer: fresh memory for each costs more than the transfer."""
        ...

    def start(
        self, *, volume_gib: int, client_token: str, description: str, kms_key: str | None
    ) -> str:
        """A new snapshot to write to; the same token finds the same one. Returns its id."""
        ...

    def put(self, snapshot: str, index: int, data: memoryview, checksum: str) -> None:
        """Write one block."""
        ...

    def complete(self, snapshot: str, count: int, linear: str) -> None:
        """Complete the snapshot; EBS compares the number of blocks and their LINEAR checksum."""
        ...

    def state(self, snapshot: str) -> str:
        """pending, completed or error."""
        ...
