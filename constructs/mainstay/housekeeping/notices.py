"""Notifies operators of what AWS announces, and of what ran by itself and failed."""

from __future__ import annotations

from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from constructs import Construct

from mainstay.alarm_topic import AlarmTopic

# Of services that the environment stands on, as AWS Health names them.
_SERVICES = ("ACM", "BACKUP", "DYNAMODB", "EC2", "ECS", "KMS", "RDS", "REDSHIFT", "ROUTE53", "VPC")


class Notices(Construct):
    """Publishes each whole event: they are rare, and say themselves what to do by when.

    Authorities and engine versions that expire, and maintenance that waits for us because we told
    AWS not to do it alone, come by AWS Health weeks ahead. A task that a rule of EventBridge
    started and that did not end with 0 is one that nobody looks at.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, cluster: ecs.ICluster, topic: AlarmTopic
    ) -> None:
        super().__init__(scope, construct_id)
        target = topic.rule_target
        events.Rule(
            self,
            "Announced",
            description="AWS announces a change or an end that needs somebody",
            event_pattern=events.EventPattern(
                source=["aws.health"],
                detail_type=["AWS Health Event"],
                detail={
                    "service": list(_SERVICES),
                    "eventTypeCategory": ["scheduledChange", "accountNotification"],
                },
            ),
            targets=[target],
        )
        events.Rule(
            self,
            "Failed",
            description="An operation that ran by itself has failed: its log says why",
            event_pattern=events.EventPattern(
                source=["aws.ecs"],
                detail_type=["ECS Task State Change"],
                detail={
                    "clusterArn": [cluster.cluster_arn],
                    "lastStatus": ["STOPPED"],
                    "startedBy": [{"prefix": "events-rule/"}],
                    "$or": [
                        {"containers": {"exitCode": [{"anything-but": [0]}]}},
                        {"stopCode": ["TaskFailedToStart"]},
                    ],
                },
            ),
            targets=[target],
        )
