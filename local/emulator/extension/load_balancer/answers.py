"""Answers that a load balancer gives by itself: fixed ones, redirects and its own errors."""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus
from typing import Any

from local.emulator.extension.load_balancer.message import Head


def failure(status: int) -> bytes:
    """Return an error of the load balancer's own, with its page; the connection closes."""
    title = f"{status} {HTTPStatus(status).phrase}"
    page = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    )
    return _answer(status, "text/html", page.encode(), {}, last=True)


def fixed(action: dict[str, Any], *, last: bool) -> bytes:
    config = action.get("FixedResponseConfig") or {}
    body = str(config.get("MessageBody", "")).encode()
    kind = str(config.get("ContentType") or "text/plain; charset=utf-8")
    return _answer(int(config["StatusCode"]), kind, body, {}, last=last)


def redirect(
    action: dict[str, Any], request: Head, listener: dict[str, Any], *, last: bool
) -> bytes:
    """Its parts default to the request's own, as #{host}, #{path} and the rest do."""
    config = action.get("RedirectConfig") or {}
    path, _, query = request.first[1].decode("latin-1").partition("?")
    host = (request.get(b"host") or b"").decode("latin-1")
    name, colon, port = host.rpartition(":")
    own = {
        "#{protocol}": str(listener["Protocol"]),
        "#{host}": name if colon and port.isdigit() else host,
        "#{port}": str(listener["Port"]),
        "#{path}": path.removeprefix("/"),
        "#{query}": query,
    }

    def part(key: str, default: str) -> str:
        text = str(config.get(key) or default)
        for name, value in own.items():
            text = text.replace(name, value)
        return text

    where = (
        f"{part('Protocol', '#{protocol}').lower()}://{part('Host', '#{host}')}"
        f":{part('Port', '#{port}')}{part('Path', '/#{path}')}"
    )
    if asked := part("Query", "#{query}"):
        where += f"?{asked}"
    status = int(str(config["StatusCode"]).removeprefix("HTTP_"))
    return _answer(status, "text/html", b"", {"Location": where}, last=last)


def _answer(status: int, kind: str, body: bytes, fields: dict[str, str], *, last: bool) -> bytes:
    """Return an answer; `last` is whether the connection closes after it."""
    headers = {
        "Server": "awselb/2.0",
        "Date": formatdate(usegmt=True),
        "Content-Type": kind,
        "Content-Length": str(len(body)),
        "Connection": "close" if last else "keep-alive",
        **fields,
    }
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
