"""Generated secrets: every rule of GenerateSecretString holds."""

from __future__ import annotations

import json
import secrets
import string
from typing import Any

from local.emulator.extension import inside

_SORTS = {
    "Lowercase": string.ascii_lowercase,
    "Uppercase": string.ascii_uppercase,
    "Numbers": string.digits,
    "Punctuation": string.punctuation,
}


def install() -> None:
    generate = inside.provisioners._sm_secret_string
    inside.provisioners._sm_secret_string = lambda properties: (
        generate(properties)
        if "GenerateSecretString" not in properties
        else _generated(properties["GenerateSecretString"])
    )


def _generated(rules: Any) -> str:
    password = _password(rules)
    if "SecretStringTemplate" not in rules:
        return password
    template = json.loads(rules["SecretStringTemplate"])
    return json.dumps({**template, rules["GenerateStringKey"]: password})


def _password(rules: Any) -> str:
    """One of each sort that is not excluded, unless told otherwise; the rest at random."""
    excluded = set(rules.get("ExcludeCharacters", ""))
    sorts = [
        kept
        for name, letters in _SORTS.items()
        if not _true(rules, f"Exclude{name}")
        and (kept := [letter for letter in letters if letter not in excluded])
    ]
    length = int(rules.get("PasswordLength", 32))
    each = _true(rules, "RequireEachIncludedType", default=True)
    letters = [secrets.choice(sort) for sort in sorts] if each else []
    everything = [letter for sort in sorts for letter in sort]
    if _true(rules, "IncludeSpace"):
        everything.append(" ")
    letters += [secrets.choice(everything) for _ in range(length - len(letters))]
    secrets.SystemRandom().shuffle(letters)
    return "".join(letters)


def _true(rules: Any, name: str, *, default: bool = False) -> bool:
    return str(rules.get(name, default)).lower() == "true"
