"""AWS IAM."""

from __future__ import annotations

from tests.moto_templates.api_shapes import Properties
from tests.moto_templates.deployment import Created, Site
from tests.moto_templates.kind import Attributes, Kind


def _role_policies(site: Site, properties: Properties, made: Attributes) -> None:
    iam = site.client("iam")
    for arn in properties.get("ManagedPolicyArns", ()):
        iam.attach_role_policy(RoleName=made["Ref"], PolicyArn=arn)
    for policy in properties.get("Policies", ()):
        _put_policy(site, {**policy, "RoleName": made["Ref"]})


_put_policy = Kind(service="iam", call="put_role_policy")


def _policy(site: Site, properties: Properties) -> Created:
    """One policy of a template becomes an inline policy of each role that it names."""
    body = {key: properties[key] for key in ("PolicyName", "PolicyDocument")}
    sent = [_put_policy(site, {**body, "RoleName": role})[2] for role in properties["Roles"]]
    return properties["PolicyName"], {}, sent[0]


IDENTITY = {
    "AWS::IAM::Role": Kind(
        service="iam",
        call="create_role",
        ref="Role.RoleName",
        attributes={"Arn": "Role.Arn"},
        apart=("ManagedPolicyArns", "Policies"),
        adapt=lambda site, role: {
            "RoleName": f"{site.stack[-30:]}-{site.logical_id[-30:]}",
            **role,
        },
        then=_role_policies,
    ),
    "AWS::IAM::Policy": _policy,
}
