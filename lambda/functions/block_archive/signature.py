"""AWS Signature Version 4, with a key that is derived once a day and not once a block.

botocore's own makes an object and four HMACs of each request; the tests compare the two.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import time
from typing import Any

_ALGORITHM = "AWS4-HMAC-SHA256"


def signed_headers(
    credentials: Any,
    service: str,
    region: str,
    request: tuple[str, str, str],
    headers: dict[str, str],
    sha256: str,
) -> dict[str, str]:
    """Return the headers to send, with those of the signature.

    `credentials` are botocore's frozen ones. `request` is method, path and query as they are sent:
    quoted, the query with at most one parameter. `headers` have names in lower case, the host
    among them; `sha256` is the body's in hex.
    """
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    headers = {**headers, "x-amz-date": now}
    if service == "s3":
        headers["x-amz-content-sha256"] = sha256
    if credentials.token:
        headers["x-amz-security-token"] = credentials.token
    names = sorted(headers)
    fields, signed = [f"{name}:{headers[name]}" for name in names], ";".join(names)
    canonical = "\n".join((*request, *fields, "", signed, sha256))
    scope = f"{now[:8]}/{region}/{service}/aws4_request"
    text = f"{_ALGORITHM}\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = _key(credentials.secret_key, now[:8], region, service)
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    headers["authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, "
        f"SignedHeaders={signed}, Signature={signature}"
    )
    return headers


@functools.lru_cache(maxsize=8)
def _key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
