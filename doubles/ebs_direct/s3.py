"""S3 as far as an archive uses it: conditional writes, checksums, versions, Object Lock."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape

from doubles.ebs_direct.http import Response, ServiceError, SignedRequest, http_date


@dataclass(kw_only=True)
class Version:
    """One version of an object, or a delete marker."""

    id: str
    modified: datetime
    digest: bytes = b""
    size: int = 0
    content: bytes | Path = b""
    retain_until: datetime | None = None
    delete_marker: bool = False

    def body(self) -> bytes:
        return self.content.read_bytes() if isinstance(self.content, Path) else self.content


@dataclass(kw_only=True)
class VersionedBucket:
    """Versions by key, the newest last."""

    name: str
    object_lock: bool
    objects: dict[str, list[Version]] = field(default_factory=dict)

    def current(self, key: str) -> Version | None:
        versions = self.objects.get(key)
        return versions[-1] if versions and not versions[-1].delete_marker else None

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys of the objects that are there, in order."""
        return sorted(k for k in self.objects if k.startswith(prefix) and self.current(k))


class S3:
    """Buckets by name. With `folder`, bodies lie in files and not in memory."""

    def __init__(self, clock: Callable[[], datetime], folder: Path | None = None) -> None:
        self.clock = clock
        self.buckets: dict[str, VersionedBucket] = {}
        self._folder = folder
        self._number = 0
        self._replicated: set[tuple[str, str]] = set()  # by bucket and version's id

    def create(self, name: str, *, object_lock: bool = True) -> VersionedBucket:
        """Create a bucket, with versioning."""
        self.buckets[name] = VersionedBucket(name=name, object_lock=object_lock)
        return self.buckets[name]

    def replicate(
        self, source: str, target: str, only: Callable[[str], bool] = lambda key: True
    ) -> None:
        """Do what S3 does in its own time: new versions under their own ids, and longer locks.

        A deletion is not replicated, and no version is for a second time. `only` says which keys
        have their turn now.
        """
        there = self.buckets[target]
        for key, versions in self.buckets[source].objects.items():
            if not only(key):
                continue
            held = {version.id: version for version in there.objects.get(key, [])}
            for version in versions:
                if version.id in held:
                    held[version.id].retain_until = version.retain_until
                elif not version.delete_marker and (target, version.id) not in self._replicated:
                    there.objects.setdefault(key, []).append(replace(version))
                    self._replicated.add((target, version.id))

    def operation(self, request: SignedRequest) -> tuple[str, Callable[[SignedRequest], Response]]:
        """Return the name of the call and its function."""
        _, key = _place(request)
        method, query = request.method, request.query
        if not key:
            if "object-lock" in query:
                return "GetObjectLockConfiguration", self._lock_configuration
            if "versions" in query:
                return "ListObjectVersions", self._versions
            if method == "GET":
                return "ListObjectsV2", self._list
        elif "retention" in query:
            if method == "PUT":
                return "PutObjectRetention", self._retain
            return "GetObjectRetention", self._retention
        else:
            operations = {
                "PUT": ("PutObject", self._put),
                "GET": ("GetObject", self._get),
                "HEAD": ("HeadObject", self._head),
                "DELETE": ("DeleteObject", self._delete),
            }
            if method in operations:
                return operations[method]
        raise ServiceError(501, "NotImplemented", f"{method} {request.path} {request.query}")

    # ------------------------------------------------------------------------------ objects

    def _put(self, request: SignedRequest) -> Response:
        bucket, key = self._bucket(request)
        digest = hashlib.sha256(request.body).digest()
        self._check_body(request, digest)
        if request.headers.get("if-none-match") == "*" and bucket.current(key):
            raise ServiceError(412, "PreconditionFailed", f"{key} exists")
        self._number += 1
        version = Version(
            id=f"v{self._number}",
            modified=self.clock(),
            digest=digest,
            size=len(request.body),
            content=self._kept(request.body),
            retain_until=self._asked_lock(request, bucket),
        )
        bucket.objects.setdefault(key, []).append(version)
        return Response(
            status=200, headers={"etag": f'"{digest.hex()}"', "x-amz-version-id": version.id}
        )

    def _check_body(self, request: SignedRequest, digest: bytes) -> None:
        signed = request.headers.get("x-amz-content-sha256", "")
        if re.fullmatch(r"[0-9a-f]{64}", signed) and signed != digest.hex():
            raise ServiceError(400, "XAmzContentSHA256Mismatch", "the body is not what was signed")
        checksum = request.headers.get("x-amz-checksum-sha256")
        if checksum is not None and base64.b64decode(checksum) != digest:
            raise ServiceError(400, "BadDigest", "the SHA256 you specified did not match")

    def _asked_lock(self, request: SignedRequest, bucket: VersionedBucket) -> datetime | None:
        asked = request.headers.get("x-amz-object-lock-retain-until-date")
        if asked is None:
            return None
        if not bucket.object_lock:
            raise ServiceError(400, "InvalidRequest", "Bucket is missing Object Lock Configuration")
        if "x-amz-checksum-sha256" not in request.headers:
            raise ServiceError(400, "InvalidRequest", "Content-MD5 or x-amz-checksum- is required")
        until = datetime.fromisoformat(asked)
        if until <= self.clock():
            raise ServiceError(400, "InvalidArgument", "the date must be in the future")
        return until

    def _kept(self, body: bytes) -> bytes | Path:
        if self._folder is None:
            return body
        path = self._folder / f"{self._number:08d}"
        path.write_bytes(body)
        return path

    def _get(self, request: SignedRequest) -> Response:
        version = self._object(request)
        headers = _object_headers(version)
        body = version.body()
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
        if wanted is None:
            return Response(status=200, headers=headers, body=body)
        first, last = int(wanted.group(1)), min(int(wanted.group(2)), len(body) - 1)
        if first >= len(body):
            raise ServiceError(416, "InvalidRange", "the range is not satisfiable")
        headers["content-range"] = f"bytes {first}-{last}/{len(body)}"
        headers.pop("x-amz-checksum-sha256")  # of the whole object, and so not sent
        return Response(status=206, headers=headers, body=body[first : last + 1])

    def _head(self, request: SignedRequest) -> Response:
        version = self._object(request)
        headers = {**_object_headers(version), "content-length": str(version.size)}
        return Response(status=200, headers=headers)

    def _delete(self, request: SignedRequest) -> Response:
        bucket, key = self._bucket(request)
        name = request.query.get("versionId")
        if name is None:
            self._number += 1
            marker = Version(id=f"v{self._number}", modified=self.clock(), delete_marker=True)
            bucket.objects.setdefault(key, []).append(marker)
            return Response(status=204)
        versions = bucket.objects.get(key, [])
        for version in versions:
            locked = version.retain_until is not None and version.retain_until > self.clock()
            if version.id == name and locked:
                raise ServiceError(403, "AccessDenied", "object protected by Object Lock")
        kept = [version for version in versions if version.id != name]
        if kept:
            bucket.objects[key] = kept
        else:
            bucket.objects.pop(key, None)
        return Response(status=204)

    # -------------------------------------------------------------------------------- locks

    def _retain(self, request: SignedRequest) -> Response:
        version, bucket = self._object(request), self._bucket(request)[0]
        if not bucket.object_lock:
            raise ServiceError(400, "InvalidRequest", "Bucket is missing Object Lock Configuration")
        asked = re.search(rb"<RetainUntilDate>([^<]+)</RetainUntilDate>", request.body)
        mode = re.search(rb"<Mode>(\w+)</Mode>", request.body)
        if asked is None or mode is None or mode.group(1) != b"COMPLIANCE":
            raise ServiceError(400, "MalformedXML", "Mode COMPLIANCE and RetainUntilDate expected")
        until = datetime.fromisoformat(asked.group(1).decode())
        if version.retain_until is not None and until < version.retain_until:
            raise ServiceError(403, "AccessDenied", "a COMPLIANCE lock cannot be shortened")
        version.retain_until = until
        return Response(status=200)

    def _retention(self, request: SignedRequest) -> Response:
        version = self._object(request)
        if version.retain_until is None:
            raise ServiceError(404, "NoSuchObjectLockConfiguration", "no retention")
        until = _iso(version.retain_until)
        date = f"<RetainUntilDate>{until}</RetainUntilDate>"
        body = f"<Retention><Mode>COMPLIANCE</Mode>{date}</Retention>"
        return Response(status=200, body=body.encode())

    def _lock_configuration(self, request: SignedRequest) -> Response:
        bucket, _ = self._bucket(request)
        if not bucket.object_lock:
            raise ServiceError(404, "ObjectLockConfigurationNotFoundError", "no Object Lock")
        state = "<ObjectLockEnabled>Enabled</ObjectLockEnabled>"
        body = f"<ObjectLockConfiguration>{state}</ObjectLockConfiguration>"
        return Response(status=200, body=body.encode())

    # ------------------------------------------------------------------------------- listing

    def _list(self, request: SignedRequest) -> Response:
        bucket, _ = self._bucket(request)
        after = request.query.get("continuation-token") or request.query.get("start-after", "")
        keys = [key for key in bucket.keys(request.query.get("prefix", "")) if key > after]
        size = min(int(request.query.get("max-keys", "1000")), 1000)
        page, more = keys[:size], len(keys) > size
        contents = "".join(_listed(key, bucket.objects[key][-1]) for key in page)
        last = escape(page[-1]) if more else ""
        following = f"<NextContinuationToken>{last}</NextContinuationToken>" if more else ""
        body = (
            f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>"
            f"{following}{contents}</ListBucketResult>"
        )
        return Response(status=200, body=body.encode())

    def _versions(self, request: SignedRequest) -> Response:
        bucket, _ = self._bucket(request)
        prefix = request.query.get("prefix", "")
        body = "".join(_versions_of(bucket, prefix))
        return Response(
            status=200,
            body=f"<ListVersionsResult><IsTruncated>false</IsTruncated>{body}</ListVersionsResult>".encode(),
        )

    # ------------------------------------------------------------------------------- finding

    def _bucket(self, request: SignedRequest) -> tuple[VersionedBucket, str]:
        name, key = _place(request)
        bucket = self.buckets.get(name)
        if bucket is None:
            raise ServiceError(404, "NoSuchBucket", f"no bucket {name}")
        return bucket, key

    def _object(self, request: SignedRequest) -> Version:
        bucket, key = self._bucket(request)
        name = request.query.get("versionId")
        version = bucket.current(key)
        if name is not None:
            version = next((v for v in bucket.objects.get(key, []) if v.id == name), None)
        if version is None:
            raise ServiceError(404, "NoSuchKey", f"no key {key}")
        return version


def _place(request: SignedRequest) -> tuple[str, str]:
    """Bucket and key, of the path's style or the host's."""
    host = request.headers.get("host", "").split(":")[0]
    virtual = re.fullmatch(r"(.+?)\.s3[.-].*", host)
    if virtual:
        return virtual.group(1), request.path.lstrip("/")
    bucket, _, key = request.path.lstrip("/").partition("/")
    return bucket, key


def _object_headers(version: Version) -> dict[str, str]:
    headers = {
        "last-modified": http_date(version.modified),
        "etag": f'"{version.digest.hex()}"',
        "x-amz-version-id": version.id,
        "x-amz-checksum-sha256": base64.b64encode(version.digest).decode(),
        "x-amz-checksum-type": "FULL_OBJECT",
    }
    if version.retain_until is not None:
        headers["x-amz-object-lock-mode"] = "COMPLIANCE"
        headers["x-amz-object-lock-retain-until-date"] = _iso(version.retain_until)
    return headers


def _listed(key: str, version: Version) -> str:
    return (
        f"<Contents><Key>{escape(key)}</Key><LastModified>{_iso(version.modified)}</LastModified>"
        f"<Size>{version.size}</Size></Contents>"
    )


def _versions_of(bucket: VersionedBucket, prefix: str) -> Iterator[str]:
    for key in sorted(key for key in bucket.objects if key.startswith(prefix)):
        for version in reversed(bucket.objects[key]):
            name = "DeleteMarker" if version.delete_marker else "Version"
            latest = str(version is bucket.objects[key][-1]).lower()
            yield (
                f"<{name}><Key>{escape(key)}</Key><VersionId>{version.id}</VersionId>"
                f"<IsLatest>{latest}</IsLatest><Size>{version.size}</Size>"
                f"<LastModified>{_iso(version.modified)}</LastModified></{name}>"
            )


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
