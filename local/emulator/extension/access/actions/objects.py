"""S3: the emulator's own reading of a request, and what it leaves out: keys, locks, versions."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.access import keys
from local.emulator.extension.access.asked import UnknownCallError
from local.emulator.extension.access.checks import Check
from local.emulator.extension.apis.reading import Request

_KEY_ID = "x-amz-server-side-encryption-aws-kms-key-id"
_actions: Any = import_module("ministack.core.iam_actions")


def checks(request: Request) -> Iterator[Check]:
    """Yield what a request needs. Raises UnknownCallError where it is no known operation."""
    query = request.query
    name = _actions._s3_action(request.method, request.path, query)
    if name is None:
        raise UnknownCallError(f"{request.method} {request.path} of S3 is no known operation")
    action = f"s3:{name}"
    resource = _actions.extract_resource_arn(
        "s3", request.method, request.path, request.headers, request.body, query,
        inside.region(), inside.account(),
    )  # fmt: skip
    context = _actions.s3_service_context(action, query, request.path, request.headers)
    yield Check(action, resource, {key.lower(): value for key, value in context.items()})
    for more, of in _actions.s3_additional_checks(
        request.method, request.path, request.headers, request.body, query
    ):
        yield Check(more, of)
    bucket, _, key = request.path.lstrip("/").partition("/")
    if name == "PutObject":
        yield from _written(request, bucket, resource)
    if name in ("GetObject", "GetObjectVersion") and key:
        yield from _read(bucket, key, query)


def bucket_key(bucket: str) -> str | None:
    """Return the key that seals what is written into a bucket."""
    found = inside.service("s3")._bucket_default_sse_headers(bucket)
    return found.get(_KEY_ID)


def _written(request: Request, bucket: str, resource: str) -> Iterator[Check]:
    headers = request.headers
    if "x-amz-object-lock-mode" in headers:
        yield Check("s3:PutObjectRetention", resource)
    if "x-amz-object-lock-legal-hold" in headers:
        yield Check("s3:PutObjectLegalHold", resource)
    if "x-amz-acl" in headers:
        yield Check("s3:PutObjectAcl", resource)
    if "x-amz-tagging" in headers:
        yield Check("s3:PutObjectTagging", resource)
    key = headers.get(_KEY_ID) or bucket_key(bucket)
    # Parts are sealed one by one and read again as a whole (S3 User Guide, "Multipart upload").
    parts = "uploads" in request.query or "uploadId" in request.query
    actions = ("GenerateDataKey", "Decrypt") if parts else ("GenerateDataKey",)
    yield from keys.through("s3", key, *actions)


def _read(bucket: str, key: str, query: dict[str, Any]) -> Iterator[Check]:
    """Yield the object's own key, which is the one it was sealed with."""
    yield from keys.through("s3", object_key(bucket, key), "Decrypt")


def object_key(bucket: str, key: str) -> str | None:
    """Return the key that an object is sealed with; None where it has none, or is not there."""
    found = inside.service("s3")._buckets.get(bucket) or {}
    record = found.get("objects", {}).get(key)
    if record is None:
        return None
    return inside.service("s3")._stored_sse_headers(record).get(_KEY_ID)
