"""The two Regions of an upgrade in moto, and what moto lacks of them: how an account is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import boto3

from tests.upgrade.fake_ecs import FakeEcs
from tests.upgrade.fake_rds import SOURCE, TARGET
from tests.upgrade.synthesized import OPERATORS

PRIMARY, STANDBY = "us-east-1", "us-west-2"
OLD, NEW = "app:1", "app:2"
COUNT = 2  # tasks of each service
MIN, MAX = 1, 12  # of each that scales
SCALED = (("app", "blue"), ("app", "green"), ("work", "worker"))  # of the templates' services
ALARM = "mainstay-test-us-west-2-left"
LOG_GROUP = "functions"  # where the operations' task prints
PUBLIC = "app/public/0123456789abcdef"  # a Region's load balancer
PAGER = "pager"  # the queue of whoever is on call


@cache
def aws(service: str, region: str) -> Any:
    return boto3.client(service, region_name=region)


def make_balancer() -> tuple[str, dict[str, str]]:
    """Two halves behind one rule that weighs them alike: its ARN, and theirs."""
    groups: dict[str, str] = {}
    ec2, elbv2 = aws("ec2", PRIMARY), aws("elbv2", PRIMARY)
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    subnets = [item["SubnetId"] for item in ec2.describe_subnets()["Subnets"]][:2]
    [balancer] = elbv2.create_load_balancer(Name="app", Subnets=subnets)["LoadBalancers"]
    for half in ("blue", "green"):
        [group] = elbv2.create_target_group(
            Name=half, Protocol="HTTP", Port=8080, VpcId=vpc, TargetType="ip"
        )["TargetGroups"]
        groups[half] = group["TargetGroupArn"]
    weighted = [{"TargetGroupArn": arn, "Weight": 50} for arn in groups.values()]
    actions = [{"Type": "forward", "ForwardConfig": {"TargetGroups": weighted}}]
    listener = elbv2.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=actions,
    )["Listeners"][0]["ListenerArn"]
    [rule] = elbv2.create_rule(
        ListenerArn=listener,
        Priority=100,
        Conditions=[{"Field": "path-pattern", "Values": ["/*"]}],
        Actions=actions,
    )["Rules"]
    return rule["RuleArn"], groups


def make_pager() -> None:
    """A queue that subscribes to the topic, as a pager does."""
    sns, sqs = aws("sns", PRIMARY), aws("sqs", PRIMARY)
    topic = sns.create_topic(Name=OPERATORS)["TopicArn"]
    queue = sqs.create_queue(QueueName=PAGER)["QueueUrl"]
    answer = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=answer["Attributes"]["QueueArn"],
        Attributes={"RawMessageDelivery": "true"},
    )


def make_region(region: str, ecs: FakeEcs) -> None:
    """Families, services, their scaling and their alarms, at rest."""
    for family in ("app-blue", "app-green", "app-worker", "operations", "edge"):
        container: dict[str, Any] = {
            "name": "operations" if family == "operations" else "server",
            "image": "edge:1" if family == "edge" else OLD,
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {"awslogs-group": LOG_GROUP, "awslogs-stream-prefix": "operations"},
            },
        }
        ecs.register_task_definition(family=family, containerDefinitions=[container])
    aws("logs", region).create_log_group(logGroupName=LOG_GROUP)
    scaling = aws("application-autoscaling", region)
    for cluster, name, family in (
        ("app", "blue", "app-blue"),
        ("app", "green", "app-green"),
        ("work", "worker", "app-worker"),
        ("edge", "edge", "edge"),
    ):
        ecs.add_service(cluster, name, family, COUNT)
        if (cluster, name) in SCALED:
            _known_to_scaling(region, cluster, name)
            scaling.register_scalable_target(
                ServiceNamespace="ecs",
                ResourceId=f"service/{cluster}/{name}",
                ScalableDimension="ecs:service:DesiredCount",
                MinCapacity=MIN,
                MaxCapacity=MAX,
            )
    for name in (ALARM, "failing-blue", "failing-green"):
        cloudwatch = aws("cloudwatch", region)
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="n",
            MetricName="m",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            Statistic="Maximum",
            ComparisonOperator="GreaterThanOrEqualToThreshold",
        )
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="at first")


def _known_to_scaling(region: str, cluster: str, name: str) -> None:
    """moto's Application Auto Scaling looks into moto's own ECS."""
    moto = aws("ecs", region)
    moto.create_cluster(clusterName=cluster)
    container = {"name": "server", "image": "none", "memory": 1}
    moto.register_task_definition(family="none", containerDefinitions=[container])
    moto.create_service(cluster=cluster, serviceName=name, taskDefinition="none", desiredCount=0)


def described(rule: str, groups: Mapping[str, str]) -> dict[str, Any]:
    """The site, as the template gives it to the function."""

    def place(region: str) -> dict[str, Any]:
        primary = region == PRIMARY
        return {
            "region": region,
            "table": f"control-{region}",
            "halves": {
                half: {
                    "cluster": "app",
                    "name": half,
                    "family": f"app-{half}",
                    "targets": groups[half] if primary else None,
                }
                for half in ("blue", "green")
            },
            "workers": [{"cluster": "work", "name": "worker", "family": "app-worker"}],
            "edge": {"cluster": "edge", "name": "edge", "family": "edge"},
            "rule": rule if primary else None,
            "balancer": PUBLIC,
            "alarms": ["failing-blue", "failing-green"],
        }

    return {
        "primary": place(PRIMARY),
        "standby": place(STANDBY),
        "exit": {
            "namespace": "mainstay/test",
            "metric": "RegionLeft",
            "alarm": ALARM,
            "seconds": 10,
            "quiet_requests": 200,
        },
        "readers": {"source": SOURCE, "target": TARGET},
        "quiet_seconds": 240,
        "operations": {
            "cluster": "work",
            "family": "operations",
            "container": "operations",
            "variables": {"APP_NAME": "app.id.example.com"},
        },
    }


class Balancers:
    """moto's; a rule is asked for after every effect, and is what it was until it is changed."""

    def __init__(self, changed: Callable[[], None]) -> None:
        """`changed` is called after a change of the rule."""
        self._api, self._changed = aws("elbv2", PRIMARY), changed
        self._known: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)

    def describe_rules(self, *, RuleArns: list[str]) -> Any:  # noqa: N803 (the API's name)
        [arn] = RuleArns
        if arn not in self._known:
            self._known[arn] = self._api.describe_rules(RuleArns=RuleArns)
        return self._known[arn]

    def modify_rule(self, **given: Any) -> Any:
        self._known.clear()
        answer = self._api.modify_rule(**given)
        self._changed()
        return answer


class CloudWatch:
    """moto's, whose alarms nothing evaluates: the data point of an exit sets its alarm here.

    `requests` returns the statistics of a target group, which in moto has no requests.
    """

    def __init__(self, region: str, requests: Callable[..., Any] | None = None) -> None:
        self._api, self._requests = aws("cloudwatch", region), requests

    def get_metric_statistics(self, **given: Any) -> Any:
        names = {each["Name"]: each["Value"] for each in given["Dimensions"]}
        if self._requests is None or names["LoadBalancer"] == PUBLIC:
            return {"Datapoints": self.checkers(given["EndTime"])}
        if "TargetGroup" not in names:
            return self._api.get_metric_statistics(**given)
        return self._requests(names["TargetGroup"], **given)

    @staticmethod
    def checkers(end: datetime) -> list[dict[str, Any]]:
        """Return what Route 53's checkers make of a Region's public load balancer."""
        return [{"Timestamp": end - timedelta(minutes=2), "Sum": 96.0}]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)

    def put_metric_data(self, **given: Any) -> None:
        self._api.put_metric_data(**given)
        [point] = given["MetricData"]
        state = "ALARM" if point["Value"] >= 1 else "OK"
        self._api.set_alarm_state(AlarmName=ALARM, StateValue=state, StateReason="a data point")
