"""Resources that CloudFormation replaces: the old one goes once the new one stands."""

from collections.abc import Iterator
from dataclasses import replace

from review.template_diff.changes import REPLACED, StackChange
from review.template_diff.findings import Danger, Kind, Note
from review.template_diff.stateful import STATEFUL_TYPES

# Type -> why its replacement is how it changes at all, and harms nothing by itself.
HARMLESS_REPLACEMENTS = {
    "AWS::ECS::TaskDefinition": "a revision is immutable; the service moves to the new one",
    "AWS::Lambda::Version": "a version is immutable; the alias moves to the new one",
    "AWS::Lambda::LayerVersion": "a version is immutable; functions move to the new one",
    "AWS::ApiGateway::Deployment": "a deployment is immutable; the stage moves to the new one",
    "AWS::ApiGatewayV2::Deployment": "a deployment is immutable; the stage moves to the new one",
    "AWS::AppConfig::HostedConfigurationVersion": "a version is immutable",
    "AWS::StepFunctions::StateMachineVersion": "a version is immutable; the alias moves to it",
    "AWS::AutoScaling::LaunchConfiguration": "immutable; the group moves to the new one",
    "AWS::EC2::SecurityGroupIngress": "what the rule opens is judged under security groups",
    "AWS::EC2::SecurityGroupEgress": "what the rule opens is judged under security groups",
    "AWS::Lambda::Permission": "what it grants is judged under IAM",
}


def replacement_dangers(stack: StackChange) -> Iterator[Danger | Note]:
    """A replaced stateful resource is a danger of that kind instead, and is not told twice."""
    for change in stack.resources:
        if change.impact not in REPLACED or change.before_type in STATEFUL_TYPES:
            continue
        verb = "is replaced" if change.is_certain else "may be replaced"
        cause = f" by `{'`, `'.join(change.replacing)}`" if change.replacing else ""
        if change.before_type != change.after_type:
            cause = f" by `{change.after_type}`, which CloudFormation refuses under one logical id"
        harmless = HARMLESS_REPLACEMENTS.get(change.type)
        what = f"`{change.before_type}` {verb}{cause}"
        found = Note(stack=stack.name, resource=change.logical_id, path=change.path, what=what)
        if harmless and change.before_type == change.after_type:
            yield replace(found, what=f"{what}: {harmless}")
        else:
            yield Danger(kind=Kind.REPLACEMENT, **vars(found))
