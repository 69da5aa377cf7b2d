"""Where dumps lie: a bucket, or a folder of any machine, with the same names in both."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from dumps.errors import DumpError


class Shelf(Protocol):
    """Objects by key. What is put is locked until the time given, where the shelf has locks."""

    def put_file(self, key: str, path: Path, until: datetime) -> None: ...

    def put_once(self, key: str, body: bytes, until: datetime) -> None:
        """Raises DumpError where the key is taken."""
        ...

    def get(self, key: str) -> bytes:
        """Raises DumpError where there is none."""
        ...

    def get_file(self, key: str, path: Path) -> None:
        """Raises DumpError where there is none."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """In order."""
        ...


class BucketShelf:
    """Amazon S3, or what speaks like it."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket
        self._locks: bool | None = None

    def put_file(self, key: str, path: Path, until: datetime) -> None:
        more = {"ChecksumAlgorithm": "SHA256", **self._lock(until)}
        self._s3.upload_file(str(path), self._bucket, key, ExtraArgs=more)

    def put_once(self, key: str, body: bytes, until: datetime) -> None:
        try:
            self._s3.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=body,
                IfNoneMatch="*",
                ChecksumAlgorithm="SHA256",
                **self._lock(until),
            )
        except self._s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in ("PreconditionFailed", "412"):
                raise
            raise DumpError(f"{key} is there already and is never overwritten") from error

    def get(self, key: str) -> bytes:
        try:
            return self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except self._s3.exceptions.NoSuchKey as error:
            raise DumpError(f"{key} is missing") from error

    def get_file(self, key: str, path: Path) -> None:
        try:
            self._s3.download_file(self._bucket, key, str(path))
        except self._s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in ("404", "NoSuchKey"):
                raise
            raise DumpError(f"{key} is missing") from error

    def keys(self, prefix: str) -> Iterator[str]:
        pages = self._s3.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
            yield from (found["Key"] for found in page.get("Contents", ()))

    def _lock(self, until: datetime) -> dict[str, Any]:
        if self._locks is None:
            self._locks = self._has_locks()
        if not self._locks:
            return {}
        return {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}

    def _has_locks(self) -> bool:
        try:
            found = self._s3.get_object_lock_configuration(Bucket=self._bucket)
        except self._s3.exceptions.ClientError as error:
            if "NotFound" not in error.response["Error"]["Code"]:
                raise
            return False
        return found["ObjectLockConfiguration"].get("ObjectLockEnabled") == "Enabled"


class FolderShelf:
    """A folder, such as a plain copy of the bucket. It has no locks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put_file(self, key: str, path: Path, until: datetime) -> None:
        shutil.copyfile(path, self._place(key))

    def put_once(self, key: str, body: bytes, until: datetime) -> None:
        place = self._place(key)
        try:
            with place.open("xb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError as error:
            raise DumpError(f"{key} is there already and is never overwritten") from error

    def get(self, key: str) -> bytes:
        try:
            return (self._folder / key).read_bytes()
        except OSError as error:
            raise DumpError(f"{key} is missing: {error.strerror}") from error

    def get_file(self, key: str, path: Path) -> None:
        try:
            shutil.copyfile(self._folder / key, path)
        except OSError as error:
            raise DumpError(f"{key} is missing: {error.strerror}") from error

    def keys(self, prefix: str) -> Iterator[str]:
        found = (
            path.relative_to(self._folder) for path in self._folder.rglob("*") if path.is_file()
        )
        yield from sorted(key for key in map(str, found) if key.startswith(prefix))

    def _place(self, key: str) -> Path:
        place = self._folder / key
        place.parent.mkdir(parents=True, exist_ok=True)
        return place
