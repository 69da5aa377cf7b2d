"""The archive's bucket, as the engine sees it, and the same through boto3."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from functions.block_archive.errors import ExistsError, MissingError, from_botocore

Body = bytes | memoryview | list[bytes]  # whole, or the parts of a pack, one after the other


def size_of(body: Body) -> int:
    """Bytes of it."""
    return sum(len(part) for part in body) if isinstance(body, list) else len(body)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """An object that is there."""

    key: str
    size: int
    sha256: bytes | None  # as S3 keeps it; None where it was written without
    retain_until: datetime | None
    modified: datetime
    version_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Held:
    """Describes one version of an object, or a delete marker."""

    key: str
    version_id: str
    size: int
    modified: datetime
    current: bool
    marker: bool = False


class Bucket(Protocol):
    """Makes one request per call, or one per page, and raises an error of `errors`."""

    name: str

    def get(self, key: str) -> bytes:
        """The whole object."""
        ...

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset` of the object."""
        ...

    def put(
        self, key: str, body: Body, sha256: bytes, *, new: bool, retain_until: datetime | None
    ) -> None:
        """Write it; with `new`, raises ExistsError where it is there."""
        ...

    def head(self, key: str) -> Stored:
        """Return the object's metadata from S3."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield every key with this prefix, in order."""
        ...

    def retain(self, key: str, until: datetime) -> None:
        """Lock it until then; never shorter than before."""
        ...

    def locks(self) -> bool:
        """Return whether the bucket has Object Lock."""
        ...

    def versions(self, prefix: str) -> Iterator[Held]:
        """Yield every version of every key with this prefix, in order of keys."""
        ...

    def locked_until(self, key: str, version_id: str) -> datetime | None:
        """Return until when S3 refuses to delete this version; None where it does not."""
        ...

    def delete(self, key: str, version_id: str) -> None:
        """Delete this version for good."""
        ...


class BotocoreBucket:
    """Calls S3 through boto3. The client must not retry: `attempts` does."""

    def __init__(self, s3: Any, name: str) -> None:
        self._s3, self.name = s3, name

    def get(self, key: str) -> bytes:
        """The whole object."""
        with from_botocore(key):
            return self._s3.get_object(Bucket=self.name, Key=key)["Body"].read()

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset` of the object."""
        part = f"bytes={offset}-{offset + length - 1}"
        with from_botocore(key):
            return self._s3.get_object(Bucket=self.name, Key=key, Range=part)["Body"].read()

    def put(
        self, key: str, body: Body, sha256: bytes, *, new: bool, retain_until: datetime | None
    ) -> None:
        """Write it; with `new`, raises ExistsError where it is there."""
        more: dict[str, Any] = {"IfNoneMatch": "*"} if new else {}
        if retain_until is not None:
            more |= {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": retain_until}
        with from_botocore(key):
            self._s3.put_object(
                Bucket=self.name,
                Key=key,
                Body=b"".join(body) if isinstance(body, list) else bytes(body),
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=base64.b64encode(sha256).decode(),
                **more,
            )

    def head(self, key: str) -> Stored:
        """Return the object's metadata from S3."""
        with from_botocore(key):
            found = self._s3.head_object(Bucket=self.name, Key=key, ChecksumMode="ENABLED")
        checksum = found.get("ChecksumSHA256")
        return Stored(
            key=key,
            size=found["ContentLength"],
            sha256=base64.b64decode(checksum) if checksum else None,
            retain_until=found.get("ObjectLockRetainUntilDate"),
            modified=found["LastModified"],
            version_id=found.get("VersionId"),
        )

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield every key with this prefix, in order."""
        token: dict[str, str] = {}
        while True:
            with from_botocore(f"{prefix}*"):
                page = self._s3.list_objects_v2(Bucket=self.name, Prefix=prefix, **token)
            for found in page.get("Contents", []):
                yield found["Key"]
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def retain(self, key: str, until: datetime) -> None:
        """Lock it until then; never shorter than before."""
        with from_botocore(key):
            self._s3.put_object_retention(
                Bucket=self.name,
                Key=key,
                Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until},
                ChecksumAlgorithm="SHA256",
            )

    def locks(self) -> bool:
        """Return whether the bucket has Object Lock."""
        try:
            with from_botocore(f"Object Lock of {self.name}"):
                found = self._s3.get_object_lock_configuration(Bucket=self.name)
        except (MissingError, ExistsError):
            return False
        return found.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled"

    def versions(self, prefix: str) -> Iterator[Held]:
        """Yield every version of every key with this prefix, in order of keys."""
        more: dict[str, str] = {}
        while True:
            with from_botocore(f"versions of {prefix}*"):
                page = self._s3.list_object_versions(Bucket=self.name, Prefix=prefix, **more)
            for found in page.get("Versions", []):
                yield _held(found, marker=False)
            for found in page.get("DeleteMarkers", []):
                yield _held(found, marker=True)
            if not page.get("IsTruncated"):
                return
            more = {"KeyMarker": page["NextKeyMarker"]}
            if "NextVersionIdMarker" in page:
                more["VersionIdMarker"] = page["NextVersionIdMarker"]

    def locked_until(self, key: str, version_id: str) -> datetime | None:
        """Return until when S3 refuses to delete this version; None where it does not."""
        with from_botocore(f"{key}, version {version_id}"):
            found = self._s3.head_object(Bucket=self.name, Key=key, VersionId=version_id)
        if found.get("ObjectLockLegalHoldStatus") == "ON":
            return datetime.max.replace(tzinfo=UTC)
        return found.get("ObjectLockRetainUntilDate")

    def delete(self, key: str, version_id: str) -> None:
        """Delete this version for good."""
        with from_botocore(f"{key}, version {version_id}"):
            self._s3.delete_object(Bucket=self.name, Key=key, VersionId=version_id)


def _held(found: Any, *, marker: bool) -> Held:
    return Held(
        key=found["Key"],
        version_id=found["VersionId"],
        size=found.get("Size", 0),
        modified=found["LastModified"],
        current=found["IsLatest"],
        marker=marker,
    )
