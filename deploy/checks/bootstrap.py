"""Checks that the CDK's own stack stands in every Region, as new as the assembly needs it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from assembly.stack import Stack
from deploy.clients import AwsClients
from deploy.findings import CheckProblem


def bootstrap(clients: AwsClients, stacks: Iterable[Stack]) -> Iterator[CheckProblem]:
    """Yield a problem per Region whose bootstrap is missing or older than a stack asks."""
    for place, what in lacking(clients, stacks):
        yield CheckProblem(what=what, fix=f"npx cdk bootstrap {place}")


def lacking(clients: AwsClients, stacks: Iterable[Stack]) -> Iterator[tuple[str, str]]:
    """Yield what to bootstrap, as `cdk bootstrap` takes it, and why.

    Each Region's bootstrap stack keeps its version in a parameter.
    """
    wanted: dict[tuple[str, str, str], int] = {}
    for stack in stacks:
        if stack.bootstrap_parameter is not None:
            key = (stack.account, stack.region, stack.bootstrap_parameter)
            wanted[key] = max(wanted.get(key, 0), stack.bootstrap_version)
    for (account, region, parameter), version in wanted.items():
        found = _version(clients("ssm", region), parameter)
        if found is None:
            what = f"{region} is not bootstrapped for the CDK: it has no parameter {parameter}"
        elif not found.isdecimal() or int(found) < version:
            what = f"the CDK's bootstrap of {region} is version {found}, {version} is needed"
        else:
            continue
        yield f"aws://{account}/{region}", what


def _version(ssm: Any, parameter: str) -> str | None:
    try:
        return ssm.get_parameter(Name=parameter)["Parameter"]["Value"]
    except ssm.exceptions.ParameterNotFound:
        return None
