"""The part of JSON Schema that the API's document uses, held against what comes in.

The document and the check are one object, so that they cannot say different things.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

Schema = Mapping[str, Any]

_DEPTH_MAX = 16
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def parse(text: bytes) -> Any:
    """A JSON value that every store can hold; ValueError for everything else."""

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is no JSON")

    try:
        value = json.loads(text.decode("utf-8"), parse_constant=refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    _require_tame(value, 0)
    return value


def _require_tame(value: Any, depth: int) -> None:
    """Refuse what PostgreSQL's text and JSONB do not take."""
    if depth > _DEPTH_MAX:
        raise ValueError("nested too deeply")
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("a character that is none: U+0000")
        value.encode("utf-8")  # half of a surrogate pair is no text
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a number out of range")
    elif isinstance(value, dict):
        for name, each in value.items():
            _require_tame(name, depth + 1)
            _require_tame(each, depth + 1)
    elif isinstance(value, list):
        for each in value:
            _require_tame(each, depth + 1)


def wrong(schema: Schema, value: Any, where: str = "") -> list[str]:
    """What of a value the schema refuses, in words that name the place; [] for nothing."""
    name = where or "the body"
    kind = schema.get("type")
    if kind and (
        not isinstance(value, _TYPES[kind])
        or (kind != "boolean" and value is True or kind != "boolean" and value is False)
    ):
        return [f"{name}: should be of type {kind}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{name}: should be one of {', '.join(map(str, schema['enum']))}"]
    if isinstance(value, str):
        return _wrong_text(schema, value, name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
        return [] if low <= value <= high else [f"{name}: should be {low} to {high}"]
    if isinstance(value, dict):
        return _wrong_object(schema, value, where)
    return []


def _wrong_text(schema: Schema, value: str, name: str) -> list[str]:
    low, high = schema.get("minLength", 0), schema.get("maxLength", math.inf)
    if not low <= len(value) <= high:
        return [f"{name}: should have {low} to {high} characters"]
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return [f"{name}: should match {schema['pattern']}"]
    form = schema.get("format")
    if form == "uuid" and not _is_uuid(value):
        return [f"{name}: should be a UUID"]
    if form == "date-time" and instant(value) is None:
        return [f"{name}: should be a time with its zone, as RFC 3339 has it"]
    return []


def _wrong_object(schema: Schema, value: dict[str, Any], where: str) -> list[str]:
    found = [
        f"{_place(where, name)}: is required"
        for name in schema.get("required", ())
        if name not in value
    ]
    known = schema.get("properties", {})
    if len(value) > schema.get("maxProperties", math.inf):
        found.append(f"{where or 'the body'}: has more than {schema['maxProperties']} properties")
    for name, each in value.items():
        if name in known:
            found.extend(wrong(known[name], each, _place(where, name)))
        elif schema.get("additionalProperties") is False:
            found.append(f"{_place(where, name)}: is not known here")
    return found


def _place(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def instant(text: str) -> datetime | None:
    """The time that RFC 3339 text means, of the years 2000 to 2999; None for everything else."""
    if not re.fullmatch(
        r"2\d{3}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", text
    ):
        return None
    try:
        return datetime.fromisoformat(text.upper().replace(" ", "T"))
    except ValueError:
        return None
