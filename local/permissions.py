"""Who asked what of AWS in a run, what was denied, and what is granted and was never used.

`out/local/permissions.json` holds all of it, with the policies that it was judged by, so that a
call can be judged again; `permissions.md` is for reading. Roles are named as templates name them.
"""

from __future__ import annotations

import json
import re
import tomllib
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from local.session import LocalSession

UNUSED = Path(__file__).with_name("unused_permissions.toml")

# What the CDK appends to a logical id.
_HASH = re.compile(r"[0-9A-F]{8}$")


@dataclass(frozen=True, kw_only=True)
class Permissions:
    """The record of a run. `names` maps an ARN to its stack, without the environment, and id."""

    environment: str
    record: Mapping[str, Any]
    names: Mapping[str, str]

    @property
    def calls(self) -> list[dict[str, Any]]:
        return self.record["calls"]

    @property
    def denied(self) -> list[dict[str, Any]]:
        return [one for one in self.calls if one["denied"]]

    @property
    def unknown(self) -> list[dict[str, Any]]:
        return self.record["unknown"]

    def name(self, arn: str) -> str:
        """Return what templates call a principal or a resource; the ARN where they do not."""
        return self.names.get(arn, arn)

    @cached_property
    def unused(self) -> dict[str, list[str]]:
        """Return, by principal, the actions as granted that no call of it ever needed."""
        used = {
            (one["principal"], policy, pattern)
            for one in self.calls
            for policy, _, pattern in one["grants"]
        }
        found: dict[str, set[str]] = {}
        for arn, role in self.record["roles"].items():
            if arn not in self.names:
                continue  # the bootstrap's, and those of tests
            for policy, pattern in granted(role["policies"]):
                if (arn, policy, pattern) not in used:
                    found.setdefault(self.name(arn), set()).add(pattern)
        return {name: sorted(actions) for name, actions in sorted(found.items())}


def granted(policies: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each action that documents allow, with the name of its document."""
    for name, document in policies.items():
        for statement in _list((document or {}).get("Statement")):
            if statement["Effect"] == "Allow":
                for action in _list(statement.get("Action")):
                    yield name, action


def record(url: str) -> dict[str, Any] | None:
    """Ask the emulator that runs; None where another endpoint than ours keeps no record."""
    try:
        with urllib.request.urlopen(f"{url}/_local/calls", timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


def read(session: LocalSession) -> Permissions | None:
    """Return the record of the emulator that runs; None where there is none."""
    found = record(session.url)
    if found is None:
        return None
    environment = session.state["environment"]
    return Permissions(
        environment=environment,
        record=found,
        names=dict(_names(session, f"mainstay-{environment}-")),
    )


def load(path: Path) -> Permissions:
    """Return what `write` wrote."""
    return Permissions(**json.loads(path.read_text()))


def write(session: LocalSession) -> Permissions | None:
    """Write both files for what has run so far, and return it."""
    found = read(session)
    if found is not None:
        whole = {"environment": found.environment, "names": found.names, "record": found.record}
        (session.folder / "permissions.json").write_text(json.dumps(whole, indent=1))
        (session.folder / "permissions.md").write_text("\n".join(render(found)) + "\n")
    return found


def acknowledged() -> dict[str, dict[str, str]]:
    """Return the reviewed list: principal -> action -> why it stays although no run uses it."""
    return tomllib.loads(UNUSED.read_text())


def render(found: Permissions) -> Iterator[str]:
    """Yield the page."""
    yield f"# Permissions of {found.environment}, as this run used them"
    yield ""
    yield summary(found)
    yield ""
    yield from _table("Denied", ("principal", "action", "resource", "times", "why"), _denied(found))
    yield from _table("Judged by nobody, and refused", ("principal", "what"), _unknown(found))
    yield from _table("Calls", ("principal", "action", "resource", "times"), _allowed(found))
    reasons = acknowledged()
    rows = [
        (name, action, reasons.get(name, {}).get(action, "**not acknowledged**"))
        for name, actions in found.unused.items()
        for action in actions
    ]
    yield from _table("Granted and never used", ("principal", "action", "why it stays"), rows)


def summary(found: Permissions) -> str:
    calls = sum(one["allowed"] + one["denied"] for one in found.calls)
    principals = len({one["principal"] for one in found.calls})
    denied = sum(one["denied"] for one in found.calls)
    unused = sum(map(len, found.unused.values()))
    return (
        f"{calls} permissions asked for by {principals} principals, {denied} denied, "
        f"{len(found.unknown)} judged by nobody; {unused} granted and not used yet"
    )


def _table(title: str, columns: tuple[str, ...], rows: Any) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    listed = sorted(rows)
    if not listed:
        yield from ("none", "")
        return
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in listed:
        yield f"| {' | '.join(map(str, row))} |"
    yield ""


def _denied(found: Permissions) -> Iterator[tuple[Any, ...]]:
    for one in found.denied:
        name = found.name(one["principal"])
        yield name, one["action"], found.name(one["resource"]), one["denied"], one["why"]


def _unknown(found: Permissions) -> Iterator[tuple[Any, ...]]:
    for one in found.unknown:
        yield found.name(one["principal"]), one["what"]


def _allowed(found: Permissions) -> Iterator[tuple[Any, ...]]:
    counts: Counter[tuple[str, str, str]] = Counter()
    for one in found.calls:
        if one["allowed"]:
            # Streams of logs and objects of buckets have names of their own.
            resource = found.name(one["resource"]).partition(":log-stream:")[0]
            counts[found.name(one["principal"]), one["action"], resource] += one["allowed"]
    for key, times in counts.items():
        yield *key, times


def _names(session: LocalSession, prefix: str) -> Iterator[tuple[str, str]]:
    target = session.target(session.state["account"])
    for region in session.state["regions"]:
        api = target.client("cloudformation", region)
        for page in api.get_paginator("describe_stacks").paginate():
            for stack in page["Stacks"]:
                if stack["StackName"].startswith(prefix):
                    for one in _resources(api, stack["StackName"]):
                        name = _HASH.sub("", one["LogicalResourceId"])
                        for arn in _arns(one, target.account, region):
                            yield arn, f"{stack['StackName'].removeprefix(prefix)}/{name}"


def _resources(api: Any, stack: str) -> list[dict[str, Any]]:
    return api.describe_stack_resources(StackName=stack)["StackResources"]


def _arns(resource: dict[str, Any], account: str, region: str) -> Iterator[str]:
    physical = resource.get("PhysicalResourceId", "")
    kind = resource["ResourceType"]
    if kind == "AWS::IAM::Role":
        yield f"arn:aws:iam::{account}:role/{physical}"
    elif kind == "AWS::KMS::Key":
        yield f"arn:aws:kms:{region}:{account}:key/{physical}"
    elif kind == "AWS::Lambda::Function":
        yield f"arn:aws:lambda:{region}:{account}:function:{physical}"
    elif physical.startswith("arn:"):
        yield physical


def _list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]
