"""AWS IAM, AWS Lambda, and custom resources."""

from __future__ import annotations

import json
from typing import Any

from tests.local.contract.row import (
    GoneError,
    Row,
    Seen,
    att,
    one,
    part,
    ref,
    resource,
    role,
    tag,
    tags,
)


def _statement(sid: str) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}


def _document(sid: str) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [_statement(sid)]}


def _trust(service: str) -> Any:
    return role(service)["Properties"]["AssumeRolePolicyDocument"]


def _role(seen: Seen) -> Any:
    iam = seen.aws("iam")
    found = iam.get_role(RoleName=seen.ref)["Role"]
    attached = iam.list_attached_role_policies(RoleName=seen.ref)["AttachedPolicies"]
    return {
        "trusts": found["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"],
        "Description": found["Description"],
        "attached": [policy["PolicyName"] for policy in attached],
        "who": tag(iam.list_role_tags(RoleName=seen.ref)["Tags"]),
    }


def _policy(seen: Seen) -> Any:
    asked = {"RoleName": seen.refs["Role"], "PolicyName": "contract"}
    found = seen.aws("iam").get_role_policy(**asked)
    return one(found["PolicyDocument"]["Statement"])["Sid"]


def _managed(seen: Seen) -> Any:
    iam = seen.aws("iam")
    policy = iam.get_policy(PolicyArn=seen.ref)["Policy"]
    version = iam.get_policy_version(PolicyArn=seen.ref, VersionId=policy["DefaultVersionId"])
    return one(version["PolicyVersion"]["Document"]["Statement"])["Sid"]


def _profile(seen: Seen) -> Any:
    found = seen.aws("iam").get_instance_profile(InstanceProfileName=seen.ref)["InstanceProfile"]
    return one(found["Roles"])["RoleName"] == seen.refs["Role"]


def _provider(seen: Seen) -> Any:
    found = seen.aws("iam").get_open_id_connect_provider(OpenIDConnectProviderArn=seen.ref)
    return {**part(found, "Url", "ClientIDList"), "who": tag(found["Tags"])}


def _code(answer: str) -> dict[str, str]:
    return {"ZipFile": f"def handler(event, context):\n    return {answer!r}\n"}


_FUNCTION = {
    "Runtime": "python3.14",
    "Handler": "index.handler",
    "Role": att("Role", "Arn"),
    "Architectures": ["arm64"],
}


def _function(seen: Seen) -> Any:
    api = seen.aws("lambda")
    found = api.get_function(FunctionName=seen.ref)
    payload = api.invoke(FunctionName=seen.ref)["Payload"].read()
    queue = found["Configuration"]["DeadLetterConfig"]["TargetArn"].rpartition(":")[2]
    return {
        **part(found["Configuration"], "Runtime", "Timeout", "Architectures", "MemorySize"),
        "variable": found["Configuration"]["Environment"]["Variables"]["NAME"],
        "reserved": found["Concurrency"]["ReservedConcurrentExecutions"],
        "says": json.loads(payload),
        "dead": one(name for name, ref in seen.refs.items() if ref.endswith(f"/{queue}")),
        "who": found["Tags"]["who"],
    }


def _permission(seen: Seen) -> Any:
    found = seen.aws("lambda").get_policy(FunctionName=seen.refs["Function"])
    statement = one(json.loads(found["Policy"])["Statement"])
    return {"Action": statement["Action"], "from": statement["Condition"]["ArnLike"]}


def _mapping(seen: Seen) -> Any:
    found = seen.aws("lambda").get_event_source_mapping(UUID=seen.ref)
    return part(found, "BatchSize", "FunctionResponseTypes", "State")


def _version(seen: Seen) -> Any:
    versions = seen.aws("lambda").list_versions_by_function(FunctionName=seen.refs["Function"])
    return one(v["Version"] for v in versions["Versions"] if v["Version"] != "$LATEST")


def _alias(seen: Seen) -> Any:
    found = seen.aws("lambda").get_alias(FunctionName=seen.refs["Function"], Name="live")
    return part(found, "FunctionVersion", "Description")


_LAMBDA = {
    "Role": role("lambda"),
    "Function": resource("AWS::Lambda::Function", **_FUNCTION, Code=_code("one")),
}

# A handler that keeps what it is asked in a parameter, and answers as CloudFormation wants.
_ROLE = """
import json, os, urllib.request
import boto3

def handler(event, context):
    ssm = boto3.client("ssm")
    if event["RequestType"] == "Delete":
        ssm.delete_parameter(Name="/contract/custom")
    else:
        value = event["ResourceProperties"]["Value"]
        ssm.put_parameter(Name="/contract/custom", Value=value, Type="String", Overwrite=True)
    answer = {
        "Status": "SUCCESS",
        "PhysicalResourceId": "kept",
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": {"Length": 3},
    }
    body = json.dumps(answer).encode()
    request = urllib.request.Request(event["ResponseURL"], data=body, method="PUT")
    urllib.request.urlopen(request)
"""
_CUSTOM = {
    "Role": role("lambda"),
    "Function": resource("AWS::Lambda::Function", **_FUNCTION, Code={"ZipFile": _ROLE}),
}


def _kept(seen: Seen) -> Any:
    return seen.aws("ssm").get_parameter(Name="/contract/custom")["Parameter"]["Value"]


def _metadata(seen: Seen) -> Any:
    stacks = seen.aws("cloudformation").list_stacks(StackStatusFilter=["CREATE_COMPLETE"])
    for stack in stacks["StackSummaries"]:
        asked = {"StackName": stack["StackName"]}
        for found in seen.aws("cloudformation").list_stack_resources(**asked)[
            "StackResourceSummaries"
        ]:
            if found["PhysicalResourceId"] == seen.ref:
                return found["ResourceStatus"]
    raise GoneError


ROWS = [
    Row(
        kind="AWS::IAM::Role",
        properties={
            "AssumeRolePolicyDocument": _trust("lambda"),
            "Description": "first",
            "ManagedPolicyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
            "Tags": tags(who="a"),
        },
        read=_role,
        made={
            "trusts": "lambda.amazonaws.com",
            "Description": "first",
            "attached": ["ReadOnlyAccess"],
            "who": "a",
        },
        update={
            "AssumeRolePolicyDocument": _trust("ec2"),
            "Description": "second",
            "Tags": tags(who="b"),
        },
        changed={
            "trusts": "ec2.amazonaws.com",
            "Description": "second",
            "attached": ["ReadOnlyAccess"],
            "who": "b",
        },
    ),
    Row(
        kind="AWS::IAM::Policy",
        beside={"Role": role("lambda")},
        properties={
            "PolicyName": "contract",
            "PolicyDocument": _document("first"),
            "Roles": [ref("Role")],
        },
        read=_policy,
        made="first",
        update={"PolicyDocument": _document("second")},
        changed="second",
    ),
    Row(
        kind="AWS::IAM::ManagedPolicy",
        properties={"PolicyDocument": _document("first")},
        read=_managed,
        made="first",
        update={"PolicyDocument": _document("second")},
        changed="second",
    ),
    Row(
        kind="AWS::IAM::InstanceProfile",
        beside={"Role": role("ec2")},
        properties={"Roles": [ref("Role")]},
        read=_profile,
        made=True,
    ),
    Row(
        kind="AWS::IAM::OIDCProvider",
        properties={
            "Url": "https://token.actions.githubusercontent.com",
            "ClientIdList": ["sts.amazonaws.com"],
            "Tags": tags(who="a"),
        },
        read=_provider,
        made={
            "Url": "https://token.actions.githubusercontent.com",
            "ClientIDList": ["sts.amazonaws.com"],
            "who": "a",
        },
        update={"ClientIdList": ["sts.amazonaws.com", "other"], "Tags": tags(who="b")},
        changed={
            "Url": "https://token.actions.githubusercontent.com",
            "ClientIDList": ["sts.amazonaws.com", "other"],
            "who": "b",
        },
    ),
    Row(
        kind="AWS::Lambda::Function",
        beside={
            "Role": role("lambda"),
            "Dead": resource("AWS::SQS::Queue"),
            "Buried": resource("AWS::SQS::Queue"),
        },
        properties={
            **_FUNCTION,
            "Code": _code("one"),
            "Timeout": 30,
            "MemorySize": 256,
            "ReservedConcurrentExecutions": 2,
            "DeadLetterConfig": {"TargetArn": att("Dead", "Arn")},
            "Environment": {"Variables": {"NAME": "first"}},
            "Tags": tags(who="a"),
        },
        read=_function,
        made={
            "Runtime": "python3.14",
            "Timeout": 30,
            "Architectures": ["arm64"],
            "MemorySize": 256,
            "variable": "first",
            "reserved": 2,
            "dead": "Dead",
            "says": "one",
            "who": "a",
        },
        update={
            "Code": _code("two"),
            "ReservedConcurrentExecutions": 3,
            "DeadLetterConfig": {"TargetArn": att("Buried", "Arn")},
            "Environment": {"Variables": {"NAME": "second"}},
            "Tags": tags(who="b"),
        },
        changed={
            "Runtime": "python3.14",
            "Timeout": 30,
            "Architectures": ["arm64"],
            "MemorySize": 256,
            "variable": "second",
            "reserved": 3,
            "dead": "Buried",
            "says": "two",
            "who": "b",
        },
    ),
    Row(
        kind="AWS::Lambda::Permission",
        beside=_LAMBDA,
        properties={
            "FunctionName": ref("Function"),
            "Action": "lambda:InvokeFunction",
            "Principal": "events.amazonaws.com",
            "SourceArn": "arn:aws:events:us-east-1:111122223333:rule/first",
        },
        read=_permission,
        made={
            "Action": "lambda:InvokeFunction",
            "from": {"AWS:SourceArn": "arn:aws:events:us-east-1:111122223333:rule/first"},
        },
    ),
    Row(
        kind="AWS::Lambda::EventSourceMapping",
        beside={**_LAMBDA, "Queue": resource("AWS::SQS::Queue")},
        properties={
            "FunctionName": ref("Function"),
            "EventSourceArn": att("Queue", "Arn"),
            "BatchSize": 5,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        },
        read=_mapping,
        made={
            "BatchSize": 5,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "State": "Enabled",
        },
        update={"BatchSize": 10, "Enabled": False},
        changed={
            "BatchSize": 10,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "State": "Disabled",
        },
    ),
    Row(
        kind="AWS::Lambda::Version",
        beside=_LAMBDA,
        properties={"FunctionName": ref("Function")},
        read=_version,
        made="1",
    ),
    Row(
        kind="AWS::Lambda::Alias",
        beside={
            **_LAMBDA,
            "Version": resource("AWS::Lambda::Version", FunctionName=ref("Function")),
        },
        properties={
            "FunctionName": ref("Function"),
            "Name": "live",
            "FunctionVersion": att("Version", "Version"),
            "Description": "first",
        },
        read=_alias,
        made={"FunctionVersion": "1", "Description": "first"},
        update={"Description": "second"},
        changed={"FunctionVersion": "1", "Description": "second"},
    ),
    Row(
        kind="Custom::Contract",
        beside=_CUSTOM,
        properties={"ServiceToken": att("Function", "Arn"), "Value": "first", "ServiceTimeout": 60},
        read=_kept,
        made="first",
        update={"Value": "second"},
        changed="second",
    ),
    Row(
        kind="AWS::CloudFormation::CustomResource",
        beside=_CUSTOM,
        properties={"ServiceToken": att("Function", "Arn"), "Value": "first", "ServiceTimeout": 60},
        read=_kept,
        made="first",
        update={"Value": "second"},
        changed="second",
    ),
    Row(
        kind="AWS::CDK::Metadata",
        properties={"Analytics": "none"},
        read=_metadata,
        made="CREATE_COMPLETE",
    ),
]
