"""A lease: the roots that a run still builds on, which nothing may sweep away under it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from functions.block_archive.errors import ArchiveError
from functions.block_archive.job import RECEIPT_LIFE

PREFIX = "leases/"


@dataclass(frozen=True, kw_only=True)
class Lease:
    """Written when a run begins, and once more when it is over: a writer deletes nothing."""

    job: str
    base: str | None  # key of a root
    at: str  # ISO 8601
    over: bool = False

    def encode(self) -> bytes:
        return json.dumps(asdict(self), sort_keys=True).encode()

    @staticmethod
    def decode(stored: bytes, key: str) -> Lease:
        """Raises ArchiveError where it cannot be read: then nobody knows what it protects."""
        try:
            lease = Lease(**json.loads(stored))
            datetime.fromisoformat(lease.at)
        except (ValueError, TypeError) as error:
            raise ArchiveError(f"{key} is no lease: {error!r}") from error
        return lease

    def holds(self, now: datetime) -> bool:
        """Return whether its run may still end; after that, no receipt of it is used."""
        return not self.over and now - datetime.fromisoformat(self.at) < RECEIPT_LIFE
