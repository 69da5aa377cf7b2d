"""`aws SERVICE OPERATION --option value`, as the AWS CLI takes it, on boto3's clients.

The CLI is no part of these tests' environment. Names of operations and options are held against
botocore's models, from which the CLI makes its own, so that a misspelt one is an error here too.
"""

from __future__ import annotations

import json
from typing import Any

import boto3
import jmespath
from botocore import xform_name

_GLOBAL = {"--region", "--query", "--output"}
_CLI_NAMES = {"stepfunctions": "stepfunctions", "configure": ""}


def run_aws(words: list[str]) -> int:
    """Run one command, print its answer as JSON and return 0; an error of AWS is raised."""
    service, operation, *rest = words
    options = _options(rest)
    region = (options.pop("--region", None) or [None])[0]
    query = (options.pop("--query", None) or [None])[0]
    options.pop("--output", None)
    client: Any = boto3.client(service, region_name=region)  # type: ignore[call-overload] # any service
    names = {xform_name(name, "-"): name for name in client.meta.service_model.operation_names}
    shape = client.meta.service_model.operation_model(names[operation]).input_shape
    members = shape.members if shape is not None else {}
    by_option = {f"--{xform_name(name, '-')}": name for name in members}
    given = {}
    for option, values in options.items():
        if option.startswith("--no-") and option.replace("--no-", "--") in by_option:
            given[by_option[option.replace("--no-", "--")]] = False
            continue
        name = by_option[option]
        given[name] = _value(members[name], values)
    answer = getattr(client, xform_name(names[operation]))(**given)
    answer.pop("ResponseMetadata", None)
    print(json.dumps(jmespath.search(query, answer) if query else answer, default=str))
    return 0


def _options(words: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            found[word] = []
        else:
            found[list(found)[-1]].append(word)
    return found


def _value(shape: Any, values: list[str]) -> Any:
    match shape.type_name:
        case "boolean":
            return values in ([], ["true"])
        case "integer" | "long":
            return int(values[0])
        case "double" | "float":
            return float(values[0])
        case "list" if not values[0].startswith("["):
            return [_value(shape.member, [value]) for value in values]
        case "structure" if not values[0].startswith("{"):
            pairs = dict(part.split("=", 1) for part in values[0].split(","))
            return {name: _value(shape.members[name], [text]) for name, text in pairs.items()}
        case "list" | "map" | "structure":
            return json.loads(values[0])
    return values[0]
