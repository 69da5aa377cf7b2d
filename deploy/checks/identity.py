"""Checks that credentials and shell are those of the environment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from config.model import Environment
from deploy.findings import CheckProblem
from review.deploy_plan import used_regions


def account(sts: Any, environment: Environment) -> Iterator[CheckProblem]:
    """Yield a problem for credentials of another account: they would deploy there."""
    caller = sts.get_caller_identity()
    if caller["Account"] != environment.account:
        yield CheckProblem(
            what=f"the credentials ({caller['Arn']}) are of account {caller['Account']}; "
            f"{environment.name} belongs to {environment.account}",
            fix=f"choose a profile of that account: AWS_PROFILE=<name>; or write "
            f"{caller['Account']} into config/environments.py if that is the environment's",
        )


def shell(region: str | None, environment: Environment) -> Iterator[CheckProblem]:
    """Yield a problem for a Region of the shell that the environment does not use."""
    known = used_regions(environment)
    if region is not None and region not in known:
        yield CheckProblem(
            what=f"the shell's Region is {region}; {environment.name} uses {' and '.join(known)}: "
            "the profile is probably another environment's",
            fix=f"choose its profile, or AWS_REGION={known[0]}",
        )
