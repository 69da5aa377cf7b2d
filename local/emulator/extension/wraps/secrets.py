"""Secrets: `Ref` is the ARN, every rule of GenerateSecretString holds, an attached one names its
database."""

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

# Last word of a target's type -> the member of a secret that names it (AWS Secrets Manager User
# Guide, JSON structure of secrets).
_TARGETS = {"DBCluster": "dbClusterIdentifier", "DBInstance": "dbInstanceIdentifier"}


def install() -> None:
    generate = inside.provisioners._sm_secret_string
    inside.provisioners._sm_secret_string = lambda properties: (
        generate(properties)
        if "GenerateSecretString" not in properties
        else _generated(properties["GenerateSecretString"])
    )
    connection = inside.provisioners._sm_target_connection
    inside.provisioners._sm_target_connection = lambda kind, target: {
        **connection(kind, target),
        _TARGETS[kind.rpartition("::")[2]]: target,
    }
    inside.provisioners._SM_TARGET_KEYS += tuple(_TARGETS.values())
    _refer_by_arn(inside.handlers()["AWS::SecretsManager::Secret"])


def _refer_by_arn(handler: dict[str, Any]) -> None:
    """The emulator knows a secret by its name, CloudFormation by its ARN."""
    create, update, delete = handler["create"], handler["update"], handler["delete"]

    def name(arn: str) -> str:
        return inside.service("secretsmanager")._resolve(arn)[0]

    def by_arn(made: tuple[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
        return made[1]["Arn"], made[1]

    handler["create"] = lambda *context: by_arn(create(*context))
    handler["update"] = lambda arn, *context: by_arn(update(name(arn), *context))
    handler["delete"] = lambda arn, properties: delete(name(arn), properties)


def _generated(rules: Any) -> str:
    password = _password(rules)
    if "SecretStringTemplate" not in rules:
        return password
    template = json.loads(rules["SecretStringTemplate"])
    return json.dumps({**template, rules["GenerateStringKey"]: password})


def _password(rules: Any) -> str:
    """Return a password with one character of each class that is not excluded."""
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
