"""Edits that lose data, secrets or protection although nothing is removed or replaced.

verdicts.toml has a verdict on every property of every stateful type of the environments. Times that
code keeps things for stand elsewhere, in variables and arguments, and are found by their names.
"""

import json
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from assembly.protections import leaves

FILE = Path(__file__).with_name("verdicts.toml")

UNKNOWN = "unknown"

_EFFECTS = {
    "deletes": "which decides what is deleted, and when",
    "secret": "for which CloudFormation sets a new secret; the old one is gone",
    "protects": "which protects it",
    "weakens": "which may cost protection or content",
    "final": "which cannot be taken back",
    UNKNOWN: f"whose effect is not known: give it a verdict in {FILE.name}",
}

# A name, `--retain-days`, LOCK_DAYS or \"weekly\" in a document inside a text, and its number.
_KEPT = re.compile(
    r"([a-z_-]*(?:retain|retention|keep|lock_days|expir|hourly|daily|weekly|monthly)[a-z_-]*)"
    r'[\s\\":,]{1,12}(?:value[\s\\":]+)?(\d+)',
    re.IGNORECASE,
)


def _read() -> dict[str, dict[str, str]]:
    """Return the verdict on each property, by type. Raises ValueError on two for one property."""
    found: dict[str, dict[str, str]] = {}
    for type_, groups in tomllib.loads(FILE.read_text(encoding="utf-8")).items():
        pairs = [(name, verdict) for verdict, names in groups.items() for name in names]
        found[type_] = dict(pairs)
        if len(found[type_]) != len(pairs):
            raise ValueError(f"{FILE}: {type_} has a property with two verdicts")
    return found


VERDICTS: Mapping[str, Mapping[str, str]] = _read()


def verdict(type_: str, name: str) -> str:
    """Return the verdict on a property of a stateful type; tags of any of them are harmless."""
    return VERDICTS.get(type_, {"Tags": "harmless"}).get(name, UNKNOWN)


def harmed(
    type_: str, old: Mapping[str, Any], new: Mapping[str, Any], changed: Iterable[str]
) -> Iterator[str]:
    """Yield what each changed property of a stateful resource, by name, does to what it holds."""
    for name in changed:
        given = verdict(type_, name)
        before, after = old.get(name), new.get(name)
        if given == "shrinks":
            yield from (f"loses `{name}{part}`" for part in _gone(before, after)[:1])
        elif given in _EFFECTS and not (
            (given == "deletes" and after is None) or (given == "protects" and before is None)
        ):
            yield f"changes `{name}`, {_EFFECTS[given]}"


def kept_shorter(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Yield each time or count that a variable, an argument or a definition keeps things for.

    Where a name stands several times, its numbers are compared in their order.
    """
    before, after = _kept(old), _kept(new)
    for name, numbers in sorted(before.items()):
        for number, now in zip_longest(numbers, after.get(name, ())[: len(numbers)]):
            if now is None or now < number:
                yield f"keeps less: `{name}` goes from {number} to {'none' if now is None else now}"


def _gone(before: object, after: object) -> list[str]:
    """Return what a value listed and lists no more: items by their text, all else by its path."""
    sides = []
    for value in (before, after):
        if isinstance(value, list) and not any(isinstance(item, dict) for item in value):
            sides.append({f"[{item}]" for item in value})
        else:
            sides.append({path for path, _ in leaves(value)} if value is not None else set())
    return sorted(sides[0] - sides[1])


def _kept(properties: Mapping[str, Any]) -> Mapping[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for name, number in _KEPT.findall(json.dumps(properties, sort_keys=True)):
        found[name.lstrip("-")].append(int(number))
    return found
