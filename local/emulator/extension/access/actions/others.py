"""Services of which a caller here knows a few operations."""

from __future__ import annotations

from collections.abc import Iterator

from local.emulator.extension.access.actions.messages import secret_checks
from local.emulator.extension.access.asked import AskedOperation
from local.emulator.extension.access.checks import Check, Checks, each, service
from local.emulator.extension.apis import redshift_serverless


@service("lambda")
def functions(asked: AskedOperation) -> Checks | None:
    if asked.operation != "Invoke":
        return None
    name = asked.members["FunctionName"]
    arn = name if ":" in name else asked.arn(f"function:{name}")
    return [Check("lambda:InvokeFunction", arn)]


@service("monitoring")
def cloudwatch(asked: AskedOperation) -> Checks | None:
    members = asked.members
    if asked.operation == "PutMetricData":
        return [Check(asked.action, "*", {"cloudwatch:namespace": members["Namespace"]})]
    if asked.operation == "DescribeAlarms":
        names = members.get("AlarmNames", ())
        return each(asked.action, [asked.arn(f"alarm:{n}", service="cloudwatch") for n in names])
    known = {"GetMetricStatistics", "GetMetricData", "ListMetrics"}
    return [Check(asked.action, "*")] if asked.operation in known else None


@service("logs")
def logs(asked: AskedOperation) -> Checks | None:
    if asked.operation != "GetLogEvents":
        return None
    members = asked.members
    return [Check(asked.action, log_stream(asked, members["logGroupName"], members))]


def log_stream(asked: AskedOperation, group: str, members: dict[str, str]) -> str:
    return asked.arn(f"log-group:{group}:log-stream:{members['logStreamName']}")


@service("application-autoscaling")
def autoscaling(asked: AskedOperation) -> Checks | None:
    context = {"application-autoscaling:service-namespace": asked.members["ServiceNamespace"]}
    if asked.operation == "RegisterScalableTarget":
        return [Check(asked.action, asked.arn("scalable-target/*"), context)]
    return [Check(asked.action, "*")] if asked.operation == "DescribeScalableTargets" else None


@service("elasticloadbalancing")
def balancers(asked: AskedOperation) -> Checks | None:
    if asked.operation == "ModifyRule":
        return [Check(asked.action, asked.members["RuleArn"])]
    return [Check(asked.action, "*")] if asked.operation.startswith("Describe") else None


@service("rds")
def rds(asked: AskedOperation) -> Checks | None:
    if asked.operation == "DescribeDBInstances":  # of a cluster, by a filter
        return [Check(asked.action, asked.arn("db:*"))]
    if asked.operation not in ("DescribeDBClusters", "FailoverDBCluster"):
        return None
    name = asked.members.get("DBClusterIdentifier", "*")
    return [Check(asked.action, name if ":" in name else asked.arn(f"cluster:{name}"))]


@service("iam")
def iam(asked: AskedOperation) -> Checks | None:
    if asked.operation != "ListRoles":
        return None
    return [Check(asked.action, f"arn:aws:iam::{asked.account}:role/")]


@service("redshift-data")
def warehouse(asked: AskedOperation) -> Checks | None:
    if asked.operation in ("DescribeStatement", "GetStatementResult"):
        return [Check(asked.action, "*")]
    return _statement(asked) if asked.operation == "ExecuteStatement" else None


def _statement(asked: AskedOperation) -> Iterator[Check]:
    """Yield the workgroup, and the secret or the temporary login that the statement runs by."""
    members = asked.members
    workgroup = redshift_serverless.workgroup_arn(members["WorkgroupName"])
    yield Check(asked.action, workgroup)
    if "SecretArn" in members:
        yield from secret_checks("secretsmanager:GetSecretValue", members["SecretArn"])
    else:
        yield Check("redshift-serverless:GetCredentials", workgroup)


@service("states")
def states(asked: AskedOperation) -> Checks | None:
    if asked.operation == "StartExecution":
        return [Check(asked.action, asked.members["stateMachineArn"])]
    known = {"DescribeExecution", "StopExecution", "RedriveExecution"}
    return (
        [Check(asked.action, asked.members["executionArn"])] if asked.operation in known else None
    )
