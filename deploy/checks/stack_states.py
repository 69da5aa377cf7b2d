"""Stacks that CloudFormation would refuse to change as they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from deploy.findings import CheckProblem
from deploy.live import LiveStack

# The CLI replaces a stack that never came up, which CloudFormation refuses while it is protected.
_NEVER_CAME_UP = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")


def stack_states(stacks: Mapping[str, LiveStack]) -> Iterator[CheckProblem]:
    """Yield a problem per stack that is busy or stuck; `stacks` is by path."""
    for path, stack in stacks.items():
        if stack.status == "REVIEW_IN_PROGRESS":
            continue  # a change set left open: the next deploy takes its place
        if stack.status in _NEVER_CAME_UP:
            if stack.protected:
                yield CheckProblem(
                    what=f"{stack.name} never came up ({stack.status}), and its termination "
                    "protection keeps the CDK from replacing it",
                    fix=f"aws cloudformation update-termination-protection --region "
                    f"{stack.region} --stack-name {stack.name} --no-enable-termination-protection",
                )
        elif stack.status.endswith("_IN_PROGRESS"):
            yield CheckProblem(
                what=f"somebody or something is changing {stack.name}: {stack.status}",
                fix=f"wait until it has ended: aws cloudformation describe-stack-events "
                f"--region {stack.region} --stack-name {stack.name}",
            )
        elif stack.status.endswith("_FAILED"):
            yield CheckProblem(what=f"{stack.name} is stuck: {stack.status}", fix=_fix(path, stack))


def _fix(path: str, stack: LiveStack) -> str:
    options = f"--region {stack.region} --stack-name {stack.name}"
    if stack.status == "DELETE_FAILED":
        return f"see why in its events, then: aws cloudformation delete-stack {options}"
    if stack.status == "UPDATE_ROLLBACK_FAILED":
        return (
            f"see why in its events, then: aws cloudformation continue-update-rollback {options}; "
            "--resources-to-skip leaves out what cannot be rolled back"
        )
    return f"npx cdk rollback --app cdk.out {path}"
