"""Values that operations own once deployed, and that a deployment would put back."""

from collections.abc import Iterator

from review.template_diff.changes import StackChange
from review.template_diff.findings import Note

# Type -> the property that holds its actions. The release moves traffic by changing the weights of
# the live rule; CloudFormation sends the template's actions with any update of the resource.
WEIGHTED_TYPES = {
    "AWS::ElasticLoadBalancingV2::ListenerRule": "Actions",
    "AWS::ElasticLoadBalancingV2::Listener": "DefaultActions",
}


def owned_by_operations(stack: StackChange) -> Iterator[Note]:
    for change in stack.resources:
        actions = WEIGHTED_TYPES.get(change.before_type or "")
        old = stack.old.get(change.logical_id, {}).get("Properties", {})
        metadata_only = not change.properties and change.logical_id in stack.new
        if actions is None or metadata_only or not _is_weighted(old.get(actions)):
            continue
        yield Note(
            stack=stack.name,
            resource=change.logical_id,
            path=change.path,
            what=f"`{change.type}` with weighted target groups changes: a deployment resets the "
            "live weights to those of the template",
        )


def _is_weighted(value: object) -> bool:
    """Return whether any action spreads traffic over several target groups."""
    for action in value if isinstance(value, list) else []:
        forward = action.get("ForwardConfig") if isinstance(action, dict) else None
        groups = forward.get("TargetGroups") if isinstance(forward, dict) else None
        if isinstance(groups, list) and len(groups) > 1:
            return True
    return False
