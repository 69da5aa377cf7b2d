"""Which rule of a listener a request meets."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from local.emulator.extension.load_balancer.message import Head


def meets(rule: dict[str, Any], request: Head, client: str) -> bool:
    """Return whether every condition of a rule holds; a condition holds for any of its values."""
    return all(_holds(condition, request, client) for condition in rule.get("Conditions", ()))


def _holds(condition: dict[str, Any], request: Head, client: str) -> bool:
    field, values = condition["Field"], condition.get("Values", ())
    path, _, query = request.first[1].decode("latin-1").partition("?")
    if field == "path-pattern":
        return any(_pattern(value).fullmatch(path) for value in values)
    if field == "host-header":
        host = (request.get(b"host") or b"").decode("latin-1").partition(":")[0]
        return any(_pattern(value, any_case=True).fullmatch(host) for value in values)
    if field == "http-request-method":
        return request.first[0].decode("latin-1") in values
    if field == "source-ip":
        address = ipaddress.ip_address(client)
        return any(address in ipaddress.ip_network(value, strict=False) for value in values)
    if field == "http-header":
        wanted = condition["HttpHeaderConfig"]
        actual = request.get(wanted["HttpHeaderName"].lower().encode())
        return actual is not None and any(
            _pattern(value, any_case=True).fullmatch(actual.decode("latin-1"))
            for value in wanted["Values"]
        )
    if field == "query-string":
        pairs = parse_qsl(query, keep_blank_values=True)
        return any(_in_query(wanted, pairs) for wanted in condition["QueryStringConfig"]["Values"])
    raise ValueError(f"'Field' should be one that an ALB knows, got {field!r}")


def _in_query(wanted: dict[str, str], pairs: list[tuple[str, str]]) -> bool:
    value = _pattern(wanted["Value"], any_case=True)
    key = _pattern(wanted["Key"], any_case=True) if wanted.get("Key") else None
    return any((key is None or key.fullmatch(k)) and value.fullmatch(v) for k, v in pairs)


@lru_cache(maxsize=1024)
def _pattern(text: str, *, any_case: bool = False) -> re.Pattern[str]:
    """`*` is any run of characters, `?` is one; nothing else is special."""
    wild = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in text)
    return re.compile(wild, re.DOTALL | (re.IGNORECASE if any_case else 0))
