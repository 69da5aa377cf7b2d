"""Finds who holds which permissions in a template, wherever they stand in it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from assembly.intrinsics import is_intrinsic, referenced, text, texts
from review.template_diff.escaping import code
from review.template_diff.statements import Grant, grants, is_statement

Properties = dict[str, Any]

# Type of a separate policy -> the properties that name whom or what it is attached to.
ATTACHED_BY = {
    "AWS::IAM::Policy": ("Roles", "Users", "Groups"),
    "AWS::IAM::ManagedPolicy": ("Roles", "Users", "Groups"),
    "AWS::IAM::RolePolicy": ("RoleName",),
    "AWS::IAM::UserPolicy": ("UserName",),
    "AWS::IAM::GroupPolicy": ("GroupName",),
    "AWS::S3::BucketPolicy": ("Bucket",),
    "AWS::SQS::QueuePolicy": ("Queues",),
    "AWS::SNS::TopicPolicy": ("Topics",),
    "AWS::SecretsManager::ResourcePolicy": ("SecretId",),
    "AWS::Lambda::Permission": ("FunctionName",),
}

# Types that let somebody in by being there, without a policy statement.
GRANTING_TYPES = frozenset(
    {
        "AWS::EKS::AccessEntry",
        "AWS::IAM::AccessKey",
        "AWS::IAM::OIDCProvider",
        "AWS::IAM::SAMLProvider",
        "AWS::IAM::UserToGroupAddition",
        "AWS::Lambda::Url",
        "AWS::RAM::Permission",
        "AWS::RAM::ResourceShare",
        "AWS::RolesAnywhere::Profile",
        "AWS::RolesAnywhere::TrustAnchor",
        "AWS::SSO::Assignment",
        "AWS::SSO::PermissionSet",
    }
)

# Lambda::Permission property -> the condition Lambda writes for it.
_PERMISSION_CONDITIONS = {
    "SourceArn": ("ArnLike", "aws:SourceArn"),
    "SourceAccount": ("StringEquals", "aws:SourceAccount"),
    "PrincipalOrgID": ("StringEquals", "aws:PrincipalOrgID"),
    "EventSourceToken": ("StringEquals", "lambda:EventSourceToken"),
    "FunctionUrlAuthType": ("StringEquals", "lambda:FunctionUrlAuthType"),
    "InvokedViaFunctionUrl": ("Bool", "lambda:InvokedViaFunctionUrl"),
}


@dataclass(kw_only=True)
class Holding:
    """A holder's grants, attached policies, and guards against more."""

    grants: set[Grant] = field(default_factory=set)
    attachments: set[str] = field(default_factory=set)
    guards: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)


def holdings(resources: dict[str, dict[str, Any]]) -> dict[str, Holding]:
    """Holder -> holding. A policy counts for what it is attached to, so moving it is no change."""
    found: dict[str, Holding] = {}
    for logical_id, resource in resources.items():
        type_, properties = resource.get("Type", ""), resource.get("Properties", {})
        granted = set(_granted(type_, properties))
        attachments = set(_attachments(type_, properties))
        guards = set(_guards(type_, properties))
        if not (granted or attachments or guards):
            continue
        for holder in _holders(type_, properties, logical_id):
            holding = found.setdefault(holder, Holding())
            holding.grants |= granted
            holding.attachments |= attachments
            holding.guards |= guards
            holding.sources.add(logical_id)
    return found


def _holders(type_: str, properties: Properties, logical_id: str) -> list[str]:
    named = [text_ for key in ATTACHED_BY.get(type_, ()) for text_ in texts(properties.get(key))]
    local = [referenced(holder) for holder in named]
    holders = [f"${{{id_}}}" if id_ else name for id_, name in zip(local, named, strict=True)]
    return holders or [f"${{{logical_id}}}"]


def _granted(type_: str, properties: Properties) -> Iterator[Grant]:
    if type_ == "AWS::EC2::VPCEndpoint" and "PolicyDocument" not in properties:
        yield from grants({"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*"})
    elif type_ == "AWS::Lambda::Permission":
        yield from grants(_permission_statement(properties))
    else:
        yield from _statements_below(properties)


def _permission_statement(properties: Properties) -> dict[str, object]:
    condition: dict[str, dict[str, object]] = {}
    for name, (operator, key) in _PERMISSION_CONDITIONS.items():
        if name in properties:
            condition.setdefault(operator, {})[key] = properties[name]
    return {
        "Effect": "Allow",
        "Action": properties.get("Action"),
        "Principal": properties.get("Principal"),
        "Condition": condition,
    }


def _statements_below(value: object) -> Iterator[Grant]:
    """Yield the grants of every policy document in the properties, JSON text included."""
    if isinstance(value, dict) and "Statement" in value:
        statements = value["Statement"]
        for statement in statements if isinstance(statements, list) else [statements]:
            if is_statement(statement):
                yield from grants(statement)
    document = _parsed(value)
    if document is not None:
        yield from _statements_below(document)
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _statements_below(item)


def _parsed(value: object) -> dict[str, object] | None:
    """A policy document kept as JSON text, as log groups and permission sets take it."""
    rendered = text(value) if isinstance(value, str) or is_intrinsic(value) else ""
    if not rendered.lstrip().startswith("{"):
        return None
    try:
        document = json.loads(rendered)
    except ValueError:
        return None
    return document if isinstance(document, dict) and document != value else None


def _attachments(type_: str, properties: Properties) -> Iterator[str]:
    if type_.startswith(("AWS::IAM::", "AWS::SSO::")):
        for name in ("ManagedPolicyArns", "ManagedPolicies"):
            yield from (f"has {code(arn)} attached" for arn in texts(properties.get(name)))
    if type_ in GRANTING_TYPES:
        granting = {key: value for key, value in properties.items() if key != "Tags"}
        yield f"lets in by its own properties: {code(text(granting))}"


def _guards(type_: str, properties: Properties) -> Iterator[str]:
    if "PermissionsBoundary" in properties:
        yield f"permissions boundary {code(text(properties['PermissionsBoundary']))}"
    block = properties.get("PublicAccessBlockConfiguration")
    if type_ == "AWS::S3::Bucket" and isinstance(block, dict):
        for name, value in block.items():
            if text(value) == "true":
                yield f"block on public access, `{name}`"
