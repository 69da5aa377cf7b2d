"""Policy statements taken apart into grants, and whether one grant covers another."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product

from assembly.intrinsics import text, texts
from review.template_diff.escaping import code

# One condition entry: operator, condition key, accepted values.
Condition = frozenset[tuple[str, str, frozenset[str]]]


@dataclass(frozen=True, kw_only=True)
class Values:
    """One value or pattern; or, negated, everything that none of the patterns matches."""

    patterns: frozenset[str]
    negated: bool = False

    def __str__(self) -> str:
        shown = ", ".join(code(pattern) for pattern in sorted(self.patterns))
        return f"anything but {shown}" if self.negated else shown


@dataclass(frozen=True, kw_only=True)
class Grant:
    """One action on one resource for one principal: the smallest part of a statement."""

    effect: str
    action: Values
    resource: Values
    principal: Values
    condition: Condition

    def covers(self, other: "Grant") -> bool:
        """Return whether every request that the other matches is matched here; if unsure, no."""
        return self == other or (
            self.effect == other.effect
            and _covers(_lower(self.action), _lower(other.action))
            and _covers(self.resource, other.resource)
            and _covers(self.principal, other.principal)
            and _is_no_stricter(self.condition, other.condition)
        )


def grants(statement: object) -> Iterator[Grant]:
    """Yield the grants of a statement; of both branches where it is an Fn::If."""
    if isinstance(statement, dict) and "Fn::If" in statement:
        for branch in statement["Fn::If"][1:]:
            yield from grants(branch)
    if not isinstance(statement, dict) or "Effect" not in statement:
        return
    fields = (
        _field(statement, "Action"),
        _field(statement, "Resource"),
        _field(statement, "Principal"),
    )
    condition = _condition(statement.get("Condition"))
    for action, resource, principal in product(*fields):
        yield Grant(
            effect=text(statement["Effect"]),
            action=action,
            resource=resource,
            principal=principal,
            condition=condition,
        )


def is_statement(value: object) -> bool:
    """Return whether it is a policy's statement, and not a property such as a WAF rule's."""
    return isinstance(value, dict) and ("Effect" in value or "Fn::If" in value)


def condition_text(condition: Condition) -> str:
    return " and ".join(
        f"{operator} {key} {'|'.join(sorted(values))}"
        for operator, key, values in sorted(condition, key=lambda entry: (entry[0], entry[1]))
    )


def _field(statement: dict[str, object], name: str) -> list[Values]:
    negated = f"Not{name}" in statement
    patterns = _flat(statement.get(f"Not{name}" if negated else name))
    if negated:
        return [Values(patterns=frozenset(patterns), negated=True)]
    # Without the field (a trust policy has no Resource) there is still one grant: for "".
    return [Values(patterns=frozenset({pattern})) for pattern in patterns or [""]]


def _flat(value: object) -> tuple[str, ...]:
    """Principals are a map of kinds, everything else a value or a list of values."""
    if isinstance(value, dict) and not any(key.startswith(("Fn::", "Ref")) for key in value):
        pairs = [(kind, item) for kind, items in value.items() for item in texts(items)]
        return tuple("*" if item == "*" else f"{kind}:{item}" for kind, item in pairs)
    return texts(value)


def _condition(value: object) -> Condition:
    if not isinstance(value, dict):
        return frozenset()
    return frozenset(
        (operator, key, frozenset(texts(values)))
        for operator, keys in value.items()
        for key, values in (keys.items() if isinstance(keys, dict) else [("", keys)])
    )


@cache
def _lower(actions: Values) -> Values:
    """IAM reads actions without regard to case, and nothing else."""
    lower = frozenset(pattern.lower() for pattern in actions.patterns)
    return Values(patterns=lower, negated=actions.negated)


def _covers(wide: Values, narrow: Values) -> bool:
    if not wide.negated and not narrow.negated:
        return all(any(_matches(w, n) for w in wide.patterns) for n in narrow.patterns)
    if wide.negated and narrow.negated:
        return wide.patterns <= narrow.patterns
    if narrow.negated:
        return "*" in wide.patterns
    # Whether `s3:*` stays clear of `NotAction: s3:Put*` needs more than a pattern match: no.
    return not any(
        "*" in n or "?" in n or any(_matches(w, n) for w in wide.patterns) for n in narrow.patterns
    )


def _matches(pattern: str, value: str) -> bool:
    return pattern == value or _compiled(pattern).fullmatch(value) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """IAM's wildcards; `?` does not stand for a `*` of a value that is a pattern itself."""
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "[^*]"))


def _is_no_stricter(wide: Condition, narrow: Condition) -> bool:
    """Return whether the narrow side makes all demands of the wide one, in no more values."""
    return all(
        any(
            (operator, key) == (other_operator, other_key)
            and (others >= values if "Not" in operator else others <= values)
            for other_operator, other_key, others in narrow
        )
        for operator, key, values in wide
    )
