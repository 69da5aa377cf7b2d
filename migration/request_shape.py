"""The shape of a whole request: of its head and framing first, of its target otherwise."""

from __future__ import annotations

import re

from migration.traffic_shift.counting import METHODS
from migration.traffic_shift.shapes import shape_of

_LINE = re.compile(r"(?P<method>[A-Z]+) (?P<target>[^ ]+) HTTP/1\.[01]")
_HOST = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*(?::[0-9]{1,4}|:[1-5][0-9]{4})?")
_NAME = re.compile(r"[A-Za-z0-9-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")
_ORIGIN = re.compile(r"/|https?://[^/@]+", re.IGNORECASE)
# Fields about the answer or the hop, and that Apache acts upon by itself.
_ACTED_UPON = {"expect", "max-forwards", "range", "te"}
_ONCE = {"authorization", "content-type", "host", "content-length"}


def shape_of_request(raw: str) -> str:
    """One word: request-line, method, target-form, host, framing, header, websocket, or the
    target's own shape (traffic_shift.shapes)."""
    head, separator, body = raw.lstrip("\r\n").partition("\r\n\r\n")
    line, *lines = head.split("\r\n")
    found = _LINE.fullmatch(line)
    if found is None:
        return "request-line"
    if found["method"] not in METHODS:
        return "method"
    if not _ORIGIN.match(found["target"]):
        return "target-form"
    fields = [
        (name, value.strip(" \t")) for name, _, value in (each.partition(":") for each in lines)
    ]
    names = [name.lower() for name, _ in fields]
    values = {name.lower(): value for name, value in fields}
    if _odd_host(names, values, line):
        return "host"
    if "upgrade" in names:
        return "websocket"
    if _framing(names, values, body):
        return "framing"
    if not separator or _odd_header(lines, names):
        return "header"
    return shape_of(found["target"])


def _odd_host(names: list[str], values: dict[str, str], line: str) -> bool:
    if line.endswith("HTTP/1.0") and "host" not in names:
        return False
    return names.count("host") != 1 or not _HOST.fullmatch(values["host"])


def _framing(names: list[str], values: dict[str, str], body: str) -> bool:
    """Anything but no body, or one length that is the body's."""
    if any("transfer-encoding" in name or "transfer_encoding" in name for name in names):
        return True
    length = values.get("content-length", "0")
    declared = (
        len(body)
        if length == "{LEN}"
        else int(length)
        if length.isascii() and length.isdigit()
        else -1
    )
    return names.count("content-length") > 1 or declared != len(body)


def _odd_header(lines: list[str], names: list[str]) -> bool:
    if any(names.count(name) > 1 for name in _ONCE) or _ACTED_UPON & set(names):
        return True
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            return True
    return False
