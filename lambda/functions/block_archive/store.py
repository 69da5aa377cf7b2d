"""Writes the engine's files to its bucket, with retries: immutable, and locked for as long
as a root needs them, and notes of a job that are not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TypeVar

from functions.block_archive.attempts import Attempts
from functions.block_archive.bucket import Body, Bucket, Held, Stored, size_of
from functions.block_archive.counters import Counters
from functions.block_archive.errors import (
    ArchiveError,
    ExistsError,
    MissingError,
    RefusedError,
    SweptError,
)

T = TypeVar("T")

_SWEPT = 5  # times that a file may be swept away just as it is needed again


class Store:
    """A bucket with attempts and counters. Usable where a restore reads `Files`."""

    def __init__(self, bucket: Bucket, attempts: Attempts, counters: Counters) -> None:
        self._bucket, self._attempts, self.counters = bucket, attempts, counters
        self._locks: bool | None = None

    @property
    def name(self) -> str:
        return self._bucket.name

    @property
    def locks(self) -> bool:
        """Return whether files are locked; S3 is asked once."""
        if self._locks is None:
            self._locks = self._call("s3_other_requests", "Object Lock", self._bucket.locks)
        return self._locks

    def get(self, key: str) -> bytes:
        """The whole file. Raises ArchiveError where there is none."""
        body = self.find(key)
        if body is None:
            raise ArchiveError(f"{key} is missing")
        return body

    def find(self, key: str) -> bytes | None:
        """The whole file, or None."""
        try:
            return self._call("s3_get_requests", key, lambda: self._bucket.get(key))
        except MissingError:
            return None

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`. Raises ArchiveError where there is no file."""
        try:
            return self._call(
                "s3_get_requests", key, lambda: self._bucket.get_range(key, offset, length)
            )
        except MissingError as error:
            raise ArchiveError(f"{key} is missing") from error

    def head(self, key: str) -> Stored | None:
        """Return the object's metadata, or None where it is absent."""
        try:
            return self._call("s3_head_requests", key, lambda: self._bucket.head(key))
        except MissingError:
            return None

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield every key with this prefix, in order."""
        return iter(self._call("s3_list_requests", prefix, lambda: list(self._bucket.keys(prefix))))

    def put_new(self, key: str, body: Body, digest: bytes, retain_until: datetime) -> bool:
        """Write a file that never changes. Where it is there already, it is made sure that it is
        the same and locked for long enough. Returns whether it was written now."""
        for _ in range(_SWEPT):
            try:
                self.put_once(key, body, digest, retain_until)
            except ExistsError:
                try:
                    self.hold(key, retain_until, size=size_of(body), digest=digest)
                except SweptError:
                    continue  # between the two it was swept away, as nothing had needed it
                return False
            return True
        raise ArchiveError(f"{key} is there and is missing, {_SWEPT} times in turn")

    def put_once(self, key: str, body: Body, digest: bytes, retain_until: datetime) -> None:
        """Write a file, locked. Raises ExistsError where there is one, even of this very call:
        an answer may have been lost."""
        until = retain_until if self.locks else None
        self._call(
            "s3_put_requests",
            key,
            lambda: self._bucket.put(key, body, digest, new=True, retain_until=until),
        )
        self.counters.add("s3_put_bytes", size_of(body))

    def hold(
        self, key: str, until: datetime, *, size: int | None = None, digest: bytes | None = None
    ) -> None:
        """Make sure that a file stays until then. Raises ArchiveError where it is not what it
        should be, since a lock on the wrong bytes protects nothing."""
        found = self.head(key)
        if found is None:
            raise SweptError(f"{key} is missing")
        if size is not None and found.size != size:
            raise ArchiveError(
                f"{key} has {found.size} bytes where {size} are written: it is damaged"
            )
        if digest is not None and found.sha256 not in (None, digest):
            raise ArchiveError(f"{key} has another SHA-256 in S3 than its name says: it is damaged")
        if self.locks and (found.retain_until is None or found.retain_until < until):
            try:
                self._call("s3_retention_requests", key, lambda: self._bucket.retain(key, until))
            except MissingError as error:
                raise SweptError(f"{key} is missing") from error

    def versions(self, prefix: str) -> Iterator[Held]:
        """Yield every version of every key with this prefix."""
        return iter(
            self._call("s3_list_requests", prefix, lambda: list(self._bucket.versions(prefix)))
        )

    def sweep(self, held: Held, now: datetime) -> bool:
        """Delete a version for good, unless a lock holds it. Returns whether it is gone."""
        if not held.marker:
            until = self.locked_until(held)
            if until is not None and until > now:
                return False
        try:
            self._call(
                "s3_delete_requests",
                held.key,
                lambda: self._bucket.delete(held.key, held.version_id),
            )
        except RefusedError:
            until = None if held.marker else self.locked_until(held)
            if until is None or until <= now:
                raise  # the role may not delete, or the bucket's policy says no
            return False  # locked since it was looked at: S3 has the last word
        return True

    def locked_until(self, held: Held) -> datetime | None:
        """Return until when S3 refuses to delete this version."""
        try:
            return self._call(
                "s3_head_requests",
                held.key,
                lambda: self._bucket.locked_until(held.key, held.version_id),
            )
        except MissingError:
            return None  # it is gone

    def note(self, key: str, body: bytes) -> None:
        """Write a file of a job; it is not locked, and may be written again."""
        digest = hashlib.sha256(body).digest()
        self._call(
            "s3_put_requests",
            key,
            lambda: self._bucket.put(key, body, digest, new=False, retain_until=None),
        )

    def _call(self, counter: str, what: str, function: Callable[[], T]) -> T:
        def counted() -> T:
            self.counters.add(counter)
            return function()

        return self._attempts.call(
            what, counted, counted=lambda name: self.counters.add(f"s3_{name}")
        )
