"""Permissions as a caller sees them: keys of a task's role, AWS's errors, what is implied."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.emulator.server import Emulator
from tests.local.contract.conftest import clients, running_emulator
from tests.local.contract.deployment import ACCOUNT

Aws = Callable[..., Any]
_NUMBERS = count()
ECS = "ecs-tasks.amazonaws.com"


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, of: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": of, **more}


def role(aws: Aws, *statements: dict[str, Any], trusts: str = ECS, **more: Any) -> str:
    """A role with the statements as its only policy; its ARN."""
    name = f"role-{next(_NUMBERS)}"
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": trusts}}
    iam = aws("iam")
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust), **more)
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document(*statements))
    return made["Role"]["Arn"]


def task(aws: Aws, **roles: str) -> str:
    """A task of a definition with these roles; its ARN."""
    ecs, name = aws("ecs"), f"task-{next(_NUMBERS)}"
    ecs.create_cluster(clusterName=name)
    ecs.register_task_definition(
        family=name, containerDefinitions=[{"name": "one", "image": "one:1"}], **roles
    )
    return ecs.run_task(cluster=name, taskDefinition=name)["tasks"][0]["taskArn"]


def keys(emulator: Emulator, arn: str) -> dict[str, Any]:
    query = urllib.parse.urlencode({"arn": arn})
    with urllib.request.urlopen(f"{emulator.endpoint}/_local/task?{query}") as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """One that refuses, beside the contract's."""
    with running_emulator(tmp_path_factory.mktemp("refusing")) as started:
        yield started


@pytest.fixture(scope="module")
def aws(emulator: Emulator) -> Aws:
    return clients(emulator.endpoint)


@pytest.fixture
def acting(emulator: Emulator, aws: Aws) -> Callable[..., Aws]:
    """`acting(statement, ...)` gives clients of a task whose role has just these statements."""

    def by(*statements: dict[str, Any], **more: Any) -> Aws:
        given = keys(emulator, task(aws, taskRoleArn=role(aws, *statements, **more)))

        def client(service: str, **other: Any) -> Any:
            return boto3.client(
                service,
                region_name="us-east-1",
                endpoint_url=emulator.endpoint,
                **{
                    "aws_access_key_id": given["AccessKeyId"],
                    "aws_secret_access_key": given["SecretAccessKey"],
                    "aws_session_token": given["Token"],
                    **other,
                },
            )

        return client

    return by


def test_a_task_acts_by_its_role_and_by_nothing_else(acting: Callable[..., Aws], aws: Aws):
    queue = aws("sqs").create_queue(QueueName="access")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:access"
    sqs = acting(allow("sqs:SendMessage", of=arn))("sqs")
    sqs.send_message(QueueUrl=queue, MessageBody="one")
    with pytest.raises(ClientError) as refused:
        sqs.receive_message(QueueUrl=queue)
    message = refused.value.response["Error"]["Message"]
    assert ":assumed-role/" in message
    assert message.endswith(
        f"is not authorized to perform: sqs:ReceiveMessage on resource: {arn} "
        "because no identity-based policy allows the sqs:ReceiveMessage action"
    )


# By protocol: json, json 1.1 of its own, query, rest-json, rest-xml, ec2.
_ITEM = {"TableName": "t", "Key": {"pk": {"S": "1"}}}
_LOG = {"logGroupName": "g", "logStreamName": "s"}
_TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:t"
REFUSALS = [
    ("dynamodb", "get_item", _ITEM, "AccessDeniedException"),
    ("logs", "get_log_events", _LOG, "AccessDeniedException"),
    ("sns", "publish", {"TopicArn": _TOPIC, "Message": "m"}, "AuthorizationError"),
    ("rds", "describe_db_clusters", {}, "AccessDenied"),
    ("lambda", "invoke", {"FunctionName": "f"}, "AccessDeniedException"),
    ("s3", "get_object", {"Bucket": "b", "Key": "k"}, "AccessDenied"),
    ("ec2", "describe_volumes", {}, "UnauthorizedOperation"),
]


@pytest.mark.parametrize(("service", "method", "given", "code"), REFUSALS)
def test_a_refusal_is_the_service_s_own_error(
    acting: Callable[..., Aws], service: str, method: str, given: dict[str, Any], code: str
):
    with pytest.raises(ClientError) as refused:
        getattr(acting()(service), method)(**given)
    assert refused.value.response["Error"]["Code"] == code
    assert "is not authorized to perform: " in refused.value.response["Error"]["Message"]


def test_what_nobody_has_written_down_is_refused(acting: Callable[..., Aws]):
    with pytest.raises(ClientError, match="ec2:CreateVpc needs is not written down"):
        acting(allow("*"))("ec2").create_vpc(CidrBlock="10.0.0.0/16")


@pytest.mark.parametrize("wrong", ["aws_access_key_id", "aws_session_token"])
def test_keys_that_nobody_was_given_are_nobody_s(acting: Callable[..., Aws], wrong: str):
    with pytest.raises(ClientError, match="security token included in the request is invalid"):
        acting(allow("*"))("sqs", **{wrong: "ASIA" + "X" * 16}).list_queues()


def test_a_message_that_is_sealed_needs_the_key(acting: Callable[..., Aws], aws: Aws):
    key = aws("kms").create_key()["KeyMetadata"]["Arn"]
    queue = aws("sqs").create_queue(QueueName="sealed", Attributes={"KmsMasterKeyId": key})
    send = allow("sqs:SendMessage")
    for more in ((), (allow("kms:GenerateDataKey", of=key),), (allow("kms:Decrypt", of=key),)):
        with pytest.raises(ClientError, match="kms:"):
            acting(send, *more)("sqs").send_message(QueueUrl=queue["QueueUrl"], MessageBody="one")
    both = allow("kms:GenerateDataKey", "kms:Decrypt", of=key)
    acting(send, both)("sqs").send_message(QueueUrl=queue["QueueUrl"], MessageBody="one")


def test_an_object_that_is_sealed_needs_the_key_it_was_sealed_with(
    acting: Callable[..., Aws], aws: Aws
):
    key = aws("kms").create_key()["KeyMetadata"]["Arn"]
    s3 = aws("s3")
    s3.create_bucket(Bucket="access")
    s3.put_object(
        Bucket="access", Key="one", Body=b"1", ServerSideEncryption="aws:kms", SSEKMSKeyId=key
    )
    with pytest.raises(ClientError, match="kms:Decrypt"):
        acting(allow("s3:GetObject"))("s3").get_object(Bucket="access", Key="one")
    opens = allow("s3:GetObject", "kms:Decrypt")
    acting(opens)("s3").get_object(Bucket="access", Key="one")


def test_a_condition_sees_the_keys_of_items(acting: Callable[..., Aws], aws: Aws):
    aws("dynamodb").create_table(
        TableName="access",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    only = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["mode"]}}
    names = {"ForAllValues:StringEquals": {"dynamodb:Attributes": ["pk", "epoch"]}}
    dynamodb = acting(
        allow("dynamodb:GetItem", "dynamodb:Query", Condition=only),
        allow("dynamodb:UpdateItem", Condition={**only, **names}),
    )("dynamodb")
    asked: dict[str, Any] = {"TableName": "access", "Key": {"pk": {"S": "mode"}}}
    dynamodb.get_item(**asked)
    dynamodb.query(
        TableName="access",
        KeyConditionExpression="#k = :k",
        ExpressionAttributeNames={"#k": "pk"},
        ExpressionAttributeValues={":k": {"S": "mode"}},
    )
    value = {"ExpressionAttributeValues": {":one": {"N": "1"}}}
    dynamodb.update_item(**asked, UpdateExpression="SET epoch = :one", **value)
    for refused in (
        lambda: dynamodb.get_item(TableName="access", Key={"pk": {"S": "lock"}}),
        lambda: dynamodb.update_item(**asked, UpdateExpression="SET owner = :one", **value),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            refused()


def test_starting_a_task_needs_the_right_to_pass_its_roles(acting: Callable[..., Aws], aws: Aws):
    own = role(aws)
    arn = task(aws, taskRoleArn=own, executionRoleArn=own)
    name = arn.split("/")[1]
    run = allow("ecs:RunTask")
    with pytest.raises(ClientError, match=f"iam:PassRole on resource: {own}"):
        acting(run)("ecs").run_task(cluster=name, taskDefinition=name)
    to = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    with pytest.raises(ClientError, match="iam:PassRole"):
        acting(run, allow("iam:PassRole", Condition=to))("ecs").run_task(
            cluster=name, taskDefinition=name
        )
    acting(run, allow("iam:PassRole", of=own))("ecs").run_task(cluster=name, taskDefinition=name)


def test_a_boundary_counts(acting: Callable[..., Aws], aws: Aws):
    boundary = aws("iam").create_policy(
        PolicyName="boundary", PolicyDocument=document(allow("sqs:*"))
    )["Policy"]["Arn"]
    client = acting(allow("*"), PermissionsBoundary=boundary)
    with pytest.raises(ClientError, match="no permissions boundary allows"):
        client("secretsmanager").get_secret_value(SecretId="one")


def test_a_role_that_trusts_somebody_else_starts_no_task(emulator: Emulator, aws: Aws):
    arn = task(aws, taskRoleArn=role(aws, trusts="lambda.amazonaws.com"))
    with pytest.raises(urllib.error.HTTPError) as refused:
        keys(emulator, arn)
    assert refused.value.code == 403
    assert "sts:AssumeRole" in json.load(refused.value)["error"]


def test_what_was_asked_is_recorded_with_its_grant(
    emulator: Emulator, acting: Callable[..., Aws], aws: Aws
):
    client = acting(allow("cloudwatch:PutMetric*", "cloudwatch:GetMetricData"))("cloudwatch")
    client.put_metric_data(Namespace="recorded", MetricData=[{"MetricName": "one", "Value": 1}])
    with urllib.request.urlopen(f"{emulator.endpoint}/_local/calls") as answer:
        calls = json.load(answer)["calls"]
    (found,) = [one for one in calls if one["context"].get("cloudwatch:namespace") == "recorded"]
    assert (found["action"], found["allowed"], found["denied"]) == (
        "cloudwatch:PutMetricData",
        1,
        0,
    )
    assert found["grants"] == [["own", 0, "cloudwatch:PutMetric*"]]
