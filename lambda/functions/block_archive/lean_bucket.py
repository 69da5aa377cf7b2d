"""The bucket with packs and segments over the lean way; what is rare is botocore's."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from html import unescape
from typing import Any
from urllib.parse import quote, urlsplit

from functions.block_archive.bucket import Body, BotocoreBucket
from functions.block_archive.errors import classified
from functions.block_archive.lean_connections import HttpAnswer
from functions.block_archive.lean_http import LeanHttp, SignedService


class LeanBucket(BotocoreBucket):
    """As BotocoreBucket, without a second and a third SHA-256 of every pack."""

    def __init__(self, s3: Any, name: str, http: LeanHttp) -> None:
        super().__init__(s3, name)
        self._http = http
        # botocore knows how a bucket is addressed, of any partition and endpoint.
        example = s3.generate_presigned_url("get_object", Params={"Bucket": name, "Key": "-"})
        url = urlsplit(example)
        place = f"{url.scheme}://{url.netloc}{url.path.removesuffix('/-')}"
        self._service = SignedService(name="s3", region=s3.meta.region_name, url=place)

    def get(self, key: str) -> bytes:
        """The whole object."""
        return self._send("GET", key).body

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset` of the object."""
        part = f"bytes={offset}-{offset + length - 1}"
        return self._send("GET", key, headers={"range": part}).body

    def put(
        self, key: str, body: Body, sha256: bytes, *, new: bool, retain_until: datetime | None
    ) -> None:
        """Write it; with `new`, raises ExistsError where it is there."""
        headers = {
            "content-type": "application/octet-stream",
            "x-amz-sdk-checksum-algorithm": "SHA256",
            "x-amz-checksum-sha256": base64.b64encode(sha256).decode(),
        }
        if new:
            headers["if-none-match"] = "*"
        if retain_until is not None:
            until = retain_until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            headers["x-amz-object-lock-mode"] = "COMPLIANCE"
            headers["x-amz-object-lock-retain-until-date"] = until
        self._send("PUT", key, headers=headers, body=body, sha256=sha256.hex())

    def _send(self, method: str, key: str, **more: Any) -> HttpAnswer:
        path = "/" + quote(key, safe="/~")
        answer = self._http.send(self._service, method, path, what=key, **more)
        if answer.status >= 300:
            raise classified(key, answer.status, *_error_of(answer))
        return answer


def _error_of(answer: HttpAnswer) -> tuple[str, str]:
    """Code and message of S3's XML."""
    body = answer.body.decode("utf-8", "replace")
    found = (re.search(f"<{name}>(.*?)</{name}>", body, re.S) for name in ("Code", "Message"))
    code, message = (unescape(one.group(1)) if one else "" for one in found)
    return code or str(answer.status), message
