"""What a load balancer writes into a request on its way to a target."""

from __future__ import annotations

import random
import re
import time

from local.emulator.extension.load_balancer import state
from local.emulator.extension.load_balancer.message import Head
from local.emulator.extension.load_balancer.state import AccountRegion

_VALID_NAME = re.compile(rb"[-A-Za-z0-9]+")


def prepare(request: Head, place: AccountRegion, listener: dict[str, object], client: str) -> Head:
    """Return the request as a target gets it; its target (path and query) is not touched.

    Sources: the ALB guide's pages on X-Forwarded headers, on request tracing and on attributes.
    """
    arn = str(listener["LoadBalancerArn"])

    def attribute(key: str, default: str) -> str:
        return state.balancer_attribute(place, arn, f"routing.http.{key}", default)

    head = Head(first=(*request.first[:2], b"HTTP/1.1"), fields=list(request.fields))
    if attribute("drop_invalid_header_fields.enabled", "false") == "true":
        head.fields = [f for f in head.fields if _VALID_NAME.fullmatch(f[0])]
    upgrade = head.get(b"upgrade")
    head.drop(b"connection", b"keep-alive", b"proxy-connection", b"expect")
    if upgrade is not None:
        head.put(b"Connection", b"upgrade")
    _forwarded_for(head, attribute("xff_header_processing.mode", "append"), client)
    head.put(b"X-Forwarded-Proto", str(listener["Protocol"]).lower().encode())
    head.put(b"X-Forwarded-Port", str(listener["Port"]).encode())
    head.put(b"X-Amzn-Trace-Id", _trace(head.get(b"x-amzn-trace-id")))
    if attribute("preserve_host_header.enabled", "false") != "true":
        head.put(b"Host", _host(head.get(b"host") or b"", int(str(listener["Port"]))))
    return head


def _forwarded_for(head: Head, mode: str, client: str) -> None:
    known = head.get(b"x-forwarded-for")
    if mode == "remove":
        head.drop(b"x-forwarded-for")
    elif mode == "append":
        value = client.encode() if known is None else known + b", " + client.encode()
        head.put(b"X-Forwarded-For", value)


def _host(host: bytes, port: int) -> bytes:
    """A default port is dropped; on any other listener its port is named, whatever came."""
    name, colon, given = host.rpartition(b":")
    if not (colon and given.isdigit()):
        name = host
    return name if port in (80, 443) else name + b":" + str(port).encode()


def _trace(known: bytes | None) -> bytes:
    new = f"1-{int(time.time()):08x}-{random.getrandbits(96):024x}".encode()
    fields = [field.strip() for field in (known or b"").split(b";") if field.strip()]
    kept = [field for field in fields if not field.startswith(b"Self=")]
    own = b"Self=" if any(field.startswith(b"Root=") for field in kept) else b"Root="
    return b";".join([own + new, *kept])
