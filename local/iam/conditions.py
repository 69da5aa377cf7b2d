"""The conditions of a policy's statement: operators, sets of values, and keys that are absent.

IAM User Guide, "IAM JSON policy elements: Condition operators" and "Set operators". An operator
that is not here is an error: it may decide.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

# A key in lower case -> its value, or several of them. A key that a request lacks is not there.
Context = Mapping[str, str | Sequence[str]]


class UnknownOperatorError(ValueError):
    """A condition of an operator that is not judged here."""


@cache
def wildcard(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """Return the expression of a text with `*` for any characters and `?` for one."""
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.compile("".join(parts), re.DOTALL | flags)


def like(value: str, pattern: str) -> bool:
    """Return whether a text fits a pattern, letter for letter."""
    return wildcard(pattern).fullmatch(value) is not None


@lru_cache(65_536)
def arn_like(value: str, pattern: str) -> bool:
    """Return whether an ARN fits a pattern: each of its parts apart, the last with its colons.

    A pattern of fewer parts that ends with `*`, such as `*` itself, takes what is left.
    """
    parts, wanted = value.split(":", 5), pattern.split(":", 5)
    if len(wanted) < len(parts):
        if not wanted[-1].endswith("*"):
            return False
        parts = [*parts[: len(wanted) - 1], ":".join(parts[len(wanted) - 1 :])]
    return len(parts) == len(wanted) and all(map(like, parts, wanted))


def _equals(value: str, expected: str) -> bool:
    return value == expected


def _same_flag(value: str, expected: str) -> bool:
    return value.lower() == expected.lower()


# By name; with Not before it where AWS has it, the same of no expected value.
_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": _equals,
    "StringLike": like,
    "ArnEquals": arn_like,
    "ArnLike": arn_like,
    "Bool": _same_flag,
}
_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}


def hold(conditions: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    """Return whether all conditions hold. Raises UnknownOperatorError."""
    return all(
        _holds(operator, context.get(key.lower()), _texts(expected))
        for operator, keys in conditions.items()
        for key, expected in keys.items()
    )


def _texts(value: Any) -> list[str]:
    """JSON's true is the text "true" to IAM."""
    values = value if isinstance(value, list) else [value]
    return [str(one).lower() if isinstance(one, bool) else str(one) for one in values]


def _holds(operator: str, value: str | Sequence[str] | None, expected: list[str]) -> bool:
    if operator == "Null":
        return (value is None) == (expected == ["true"])
    quantifier, _, name = operator.rpartition(":")
    base = name.removesuffix("IfExists")
    negated = base in _NEGATED
    fits = _OPERATORS.get(_NEGATED.get(base, base))
    if fits is None or quantifier not in ("", "ForAllValues", "ForAnyValue"):
        raise UnknownOperatorError(f"'{operator}' is judged by nobody: add it to {__name__}")
    if value is None and name.endswith("IfExists"):
        return True
    values = [] if value is None else [value] if isinstance(value, str) else list(value)

    def one(given: str) -> bool:
        return any(fits(given, each) for each in expected) != negated

    if quantifier == "ForAllValues":
        return all(map(one, values))
    if quantifier == "ForAnyValue":
        return any(map(one, values))
    if len(values) > 1:
        raise ValueError(f"'{operator}' takes one value, and the request has {values}")
    return one(values[0]) if values else negated
