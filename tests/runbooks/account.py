"""An account in memory with the stacks of one environment, whose one-off tasks really run.

The stacks hold what commands look up there; the names are those of the templates. A task of
operations runs `python -m service.operations` on real PostgreSQL, its lines go to its log stream.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3

from functions.control_table import mode
from mainstay.dns import region_exit
from tests.cli.operations_family import register_operations

ROOT = Path(__file__).parents[2]
ENVIRONMENT, ACCOUNT = "test", "123456789012"
PRIMARY, STANDBY = "us-east-1", "us-west-2"
REGIONS = (PRIMARY, STANDBY)
MASTERS = {
    "entity-a": f"mainstay-{ENVIRONMENT}-entity-a",
    "entity-b": f"mainstay-{ENVIRONMENT}-entity-b",
}
_GROUP = "functions"
_NOTHING = {"Type": "AWS::SNS::Topic"}  # a stack has a resource at the least


@cache
def aws(service: str, region: str = PRIMARY) -> Any:
    return boto3.client(service, region_name=region)


def stack_name(region: str, tier: str) -> str:
    return f"mainstay-{ENVIRONMENT}-{region}-{tier}"


class _Stacks:
    """Lists a stack's resources, and those of kinds that moto's CloudFormation does not make."""

    def __init__(self, real: Any, beside: Mapping[str, list[tuple[str, str, str]]]) -> None:
        self._real, self._beside = real, beside

    def __call__(self, operation: str) -> _Stacks:
        self._pages = self._real.get_paginator(operation)
        return self

    def paginate(self, *, StackName: str) -> Any:  # noqa: N803 (boto3's)
        yield from self._pages.paginate(StackName=StackName)
        yield {
            "StackResourceSummaries": [
                {"LogicalResourceId": logical, "ResourceType": kind, "PhysicalResourceId": name}
                for logical, kind, name in self._beside.get(StackName, ())
            ]
        }


class _Logs:
    """moto's, whose queries know no `stats`: they are answered with what a test gave."""

    def __init__(self, real: Any, results: list[dict[str, str]]) -> None:
        self._real, self._results = real, results

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def get_query_results(self, **given: Any) -> dict[str, Any]:
        assert given["queryId"]
        rows = [[{"field": k, "value": v} for k, v in row.items()] for row in self._results]
        return {"status": "Complete", "results": rows}


class Account:
    """The account; `variables` are those of a task of operations, read at each start."""

    def __init__(self) -> None:
        aws.cache_clear()
        self.variables: Callable[[], Mapping[str, str]] = dict
        self._codes: dict[str, int] = {}  # by the task's ARN
        # Resources by their stack's name, of kinds that moto's CloudFormation does not make.
        self._beside: dict[str, list[tuple[str, str, str]]] = {}
        self._tasks: dict[tuple[str, str], tuple[str, ...]] = {}  # of services
        self.started: list[dict[str, Any]] = []  # tasks that are of schedules
        self.query_results: list[dict[str, str]] = []  # of CloudWatch Logs Insights
        for region in REGIONS:
            self._network(region)
            self._control(region)
            self._operations(region)
            self._read_only(region)
        for name in MASTERS.values():
            self.add_cluster(name)
        for other, leaving in ((PRIMARY, STANDBY), (STANDBY, PRIMARY)):
            self._exit(other, leaving)

    def client(self, service: str, region: str) -> Any:
        """Return a client, with tasks that run where moto's are records."""
        real = aws(service, region)
        if service == "cloudformation":
            return SimpleNamespace(
                describe_stacks=real.describe_stacks, get_paginator=_Stacks(real, self._beside)
            )
        if service == "logs":
            return _Logs(real, self.query_results)
        if service != "ecs":
            return real
        return SimpleNamespace(
            describe_task_definition=real.describe_task_definition,
            run_task=lambda **given: self._run(region, **given),
            describe_services=_described_services,
            describe_tasks=lambda **given: self._described(**given),
            get_paginator=lambda _: SimpleNamespace(
                paginate=lambda **given: self._listed(region, **given)
            ),
            meta=real.meta,
        )

    def mode(self, region: str = PRIMARY) -> mode.State:
        return mode.known(aws("dynamodb", region), self.table(region))

    def table(self, region: str) -> str:
        return f"control-{region}"

    def add_stack(self, region: str, tier: str) -> None:
        """Make a stack in which nothing is looked up but what `add_resource` adds."""
        if stack_name(region, tier) not in self._beside:
            _deploy(region, tier, Any=_NOTHING)
            self._beside[stack_name(region, tier)] = []

    def add_resource(
        self, region: str, tier: str, kind: str, name: str, *, logical: str = "Any"
    ) -> None:
        self._beside.setdefault(stack_name(region, tier), []).append((logical, kind, name))

    def add_service(self, region: str, layer: str, name: str, *, tasks: tuple[str, ...]) -> None:
        """Add a service that runs these tasks to a layer's stack."""
        self.add_stack(region, layer)
        arn = f"arn:aws:ecs:{region}:{ACCOUNT}:service/cluster/{name}"
        self.add_resource(region, layer, "AWS::ECS::Service", arn)
        self._tasks[region, name] = tasks

    def add_cluster(self, name: str) -> None:
        aws("rds").create_db_cluster(
            DBClusterIdentifier=name,
            Engine="aurora-postgresql",
            MasterUsername="mainstay",
            MasterUserPassword="not-a-secret",
        )
        aws("rds").create_db_instance(
            DBInstanceIdentifier=f"{name}-1",
            DBClusterIdentifier=name,
            DBInstanceClass="db.r8g.large",
            Engine="aurora-postgresql",
        )

    def _exit(self, region: str, leaving: str) -> None:
        """Make the alarm by which another Region leaves DNS, by the template's own names."""
        aws("cloudwatch", region).put_metric_alarm(
            AlarmName=region_exit.exit_alarm_name(ENVIRONMENT, leaving),
            Namespace=region_exit.exit_namespace(ENVIRONMENT),
            MetricName=region_exit.METRIC,
            Dimensions=[{"Name": "Region", "Value": leaving}],
            Statistic="Maximum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
        )

    def _network(self, region: str) -> None:
        tags = {"mainstay:environment": ENVIRONMENT, "mainstay:tier": "app"}
        _deploy(
            region,
            "network",
            Vpc={"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
            App={
                "Type": "AWS::EC2::Subnet",
                "Properties": {
                    "VpcId": {"Ref": "Vpc"},
                    "CidrBlock": "10.0.0.0/24",
                    "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
                },
            },
            NetworkGroupsOperationsA1={
                "Type": "AWS::EC2::SecurityGroup",
                "Properties": {"GroupDescription": "g", "VpcId": {"Ref": "Vpc"}},
            },
        )

    def _control(self, region: str) -> None:
        keys = (("pk", "HASH"), ("sk", "RANGE"))
        aws("dynamodb", region).create_table(
            TableName=self.table(region),
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n, _ in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        _deploy(region, "control", Any=_NOTHING)
        self.add_resource(region, "control", "AWS::DynamoDB::GlobalTable", self.table(region))
        mode.begin(aws("dynamodb", region), self.table(region), by="test", at=datetime.now(UTC))

    def _operations(self, region: str) -> None:
        _deploy(region, "operations", Cluster={"Type": "AWS::ECS::Cluster"})
        family = f"mainstay-{ENVIRONMENT}-operations"
        register_operations(lambda service: aws(service, region), family=family, group=_GROUP)

    def _read_only(self, region: str) -> None:
        outputs = {
            "Regions": ",".join(REGIONS),
            "Masters": ",".join(MASTERS.values()) if region == PRIMARY else "none",
        }
        _deploy(region, "readonly", outputs=outputs, Any=_NOTHING)
        self.add_resource(region, "readonly", "AWS::CloudWatch::Alarm", f"lag-{region}")
        aws("cloudwatch", region).put_metric_alarm(
            AlarmName=f"lag-{region}",
            AlarmDescription="behind: docs/runbooks/read-only-by-itself.md",
            MetricName="ReplicaLagSeconds",
            Namespace=f"mainstay/{ENVIRONMENT}",
            Statistic="Maximum",
            Period=300,
            EvaluationPeriods=3,
            Threshold=60,
            ComparisonOperator="GreaterThanThreshold",
        )
        self.set_alarm(f"lag-{region}", "OK", region)

    def set_alarm(self, name: str, state: str, region: str = PRIMARY) -> None:
        aws("cloudwatch", region).set_alarm_state(
            AlarmName=name, StateValue=state, StateReason="by the test"
        )

    def _run(self, region: str, **given: Any) -> dict[str, Any]:
        if "launchType" not in given or "startedBy" not in given:
            self.started.append(given)  # a schedule's task, of an image that is not run here
            return {"tasks": [{"taskArn": "arn:aws:ecs:::task/started"}], "failures": []}
        [cluster] = aws("ecs", region).describe_clusters(clusters=[given["cluster"]])["clusters"]
        task = f"{len(self._codes):032x}"
        arn = f"arn:aws:ecs:{region}:{ACCOUNT}:task/{cluster['clusterName']}/{task}"
        [override] = given["overrides"]["containerOverrides"]
        done = subprocess.run(
            [sys.executable, *override["command"][1:]],
            cwd=ROOT,
            env={**os.environ, **self._variables_in(region)},
            capture_output=True,
            text=True,
            check=False,
        )
        stream = f"operations/operations/{task}"
        aws("logs", region).create_log_stream(logGroupName=_GROUP, logStreamName=stream)
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        now = int(time.time() * 1_000)
        for start in range(0, len(lines), 100):
            aws("logs", region).put_log_events(
                logGroupName=_GROUP,
                logStreamName=stream,
                logEvents=[{"timestamp": now, "message": m} for m in lines[start : start + 100]],
            )
        self._codes[arn] = done.returncode
        return {"tasks": [{"taskArn": arn}], "failures": []}

    def _variables_in(self, region: str) -> dict[str, str]:
        """Return a task's variables: in the standby Region `entity-a` is a copy, read only."""
        found = dict(self.variables())
        if region == STANDBY:
            found = {k: v for k, v in found.items() if not k.startswith("ENTITY_")}
            copy = {k: v for k, v in found.items() if k.startswith("DELAYED_")}
            found |= {k.replace("DELAYED_", "ENTITY_A_"): v for k, v in copy.items()}
        return found

    def _listed(
        self,
        region: str,
        *,
        cluster: str,
        serviceName: str,  # noqa: N803 (boto3's)
        desiredStatus: str,  # noqa: N803 (boto3's)
    ) -> list[dict[str, Any]]:
        assert desiredStatus == "RUNNING"
        tasks = self._tasks.get((region, serviceName), ())
        return [{"taskArns": [f"arn:aws:ecs:{region}:{ACCOUNT}:task/{cluster}/{t}" for t in tasks]}]

    def _described(self, *, cluster: str, tasks: list[str]) -> dict[str, Any]:
        return {
            "tasks": [
                {
                    "taskArn": arn,
                    "lastStatus": "STOPPED",
                    "stoppedReason": "Essential container in task exited",
                    "taskDefinitionArn": f"mainstay-{ENVIRONMENT}-operations",
                    "containers": [{"name": "operations", "exitCode": self._codes[arn]}],
                }
                for arn in tasks
            ]
        }


def _described_services(*, cluster: str, services: list[str]) -> dict[str, Any]:
    """A release that Amazon ECS has rolled back; moto's services have no rollout."""
    rollout = {"rolloutState": "FAILED", "rolloutStateReason": "tasks failed to start"}
    found = {"runningCount": 1, "desiredCount": 2, "deployments": [rollout]}
    return {"services": [{"serviceName": name, **found} for name in services if cluster]}


def _deploy(
    region: str, tier: str, *, outputs: Mapping[str, str] | None = None, **resources: Any
) -> None:
    template: dict[str, Any] = {"Resources": resources}
    if outputs:
        template["Outputs"] = {name: {"Value": value} for name, value in outputs.items()}
    aws("cloudformation", region).create_stack(
        StackName=stack_name(region, tier), TemplateBody=json.dumps(template)
    )
