"""Whether the CDK's own stack stands in every Region, at a version that the assembly can use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from deploy.clients import Clients
from deploy.findings import Problem
from review.assembly import Stack


def bootstrap(clients: Clients, stacks: Iterable[Stack]) -> Iterator[Problem]:
    """By the parameter in which each Region's bootstrap stack keeps its version."""
    wanted: dict[tuple[str, str, str], int] = {}
    for stack in stacks:
        if stack.bootstrap_parameter is not None:
            place = (stack.account, stack.region, stack.bootstrap_parameter)
            wanted[place] = max(wanted.get(place, 0), stack.bootstrap_version)
    for (account, region, parameter), version in wanted.items():
        found = _version(clients("ssm", region), parameter)
        if found is None:
            what = f"{region} is not bootstrapped for the CDK: it has no parameter {parameter}"
        elif not found.isdecimal() or int(found) < version:
            what = f"the CDK's bootstrap of {region} is version {found}, {version} is needed"
        else:
            continue
        yield Problem(what=what, mend=f"npx cdk bootstrap aws://{account}/{region}")


def _version(ssm: Any, parameter: str) -> str | None:
    try:
        return ssm.get_parameter(Name=parameter)["Parameter"]["Value"]
    except ssm.exceptions.ParameterNotFound:
        return None
