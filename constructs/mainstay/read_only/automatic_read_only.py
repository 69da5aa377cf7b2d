"""READ_ONLY entered by itself: the events that may ask for it, and the function that obeys them."""

from __future__ import annotations

import json
from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from mainstay.database.reader_parity import MasterReaders
from mainstay.event_patterns import goes_off, happens_to
from mainstay.functions.function import Function
from mainstay.interfaces import rule_target
from mainstay.operators_topic import operators_topic
from mainstay.read_only.control_table import hold_statements

# Amazon Aurora User Guide, "Amazon RDS event categories and event messages", DB cluster events of
# the category failover: failed, the previous writer again, completed, and started within a zone
# or across zones. Only the first that arrives changes anything.
FAILOVERS = (
    "RDS-EVENT-0069",
    "RDS-EVENT-0070",
    "RDS-EVENT-0071",
    "RDS-EVENT-0072",
    "RDS-EVENT-0073",
)
# An event that could not be delivered for longer is history; what lasts has an alarm beside it.
_OLDEST_EVENT = cdk.Duration.minutes(15)


class AutomaticReadOnly(Construct):
    """Enters READ_ONLY in every Region and never leaves it, as its role does not let it either.

    `masters` are ARNs of the clusters whose failover counts; `tables` the control tables by their
    Regions, in the order in which they are written. `alarms` are, by what they are a cause of
    (functions.read_only_events, Kind), those of this Region. Leaving is `mainstay mode leave`'s.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        masters: Sequence[str],
        tables: dict[str, str],
        alarms: dict[str, Sequence[cloudwatch.AlarmBase]],
        readers: MasterReaders | None,
        log_group: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        self.operators = operators_topic(
            self,
            display_name="mainstay: READ_ONLY by itself",
            description="Subscribe whoever is on call: READ_ONLY that was entered says here why",
        )
        known = {alarm.alarm_name: kind for kind, some in alarms.items() for alarm in some}
        stack = cdk.Stack.of(self)
        self.function = Function(
            self,
            "Function",
            handler="read_only_events.handler.handler",
            description="Enters READ_ONLY for a failover, a lag, or a writer that is down",
            memory_mib=512,  # CPU comes with it: importing the SDK is most of a call
            timeout=cdk.Duration.seconds(60),  # two Regions, one of which may not answer
            log_group=log_group,
            # One event after the other: a failover brings three at once.
            concurrency=1,
            without_queue=None,
            environment={
                "TABLES": stack.to_json_string(tables),
                "MASTERS": json.dumps(list(masters)),
                "ALARMS": stack.to_json_string(known),
                "TOPIC": self.operators.topic_arn,
                **({} if readers is None else {"READERS": json.dumps(readers.as_json)}),
            },
        )
        self._publish_what_failed()
        self.role = self.function.own_role
        self.role.add_to_policy(
            # Not the L2's grant, which adds every key: that of AWS lets in whoever may publish.
            iam.PolicyStatement(actions=["sns:Publish"], resources=[self.operators.topic_arn])
        )
        for region, table in tables.items():
            account = cdk.Stack.of(self).account
            for statement in hold_statements(f"arn:aws:dynamodb:{region}:{account}:table/{table}"):
                self.role.add_to_policy(statement)
        if readers is not None:
            readers.let_raise(self.role)
        if masters:
            self._obey_failovers(list(masters))
        self._obey_alarms([alarm for some in alarms.values() for alarm in some])

    def _publish_what_failed(self) -> None:
        resource = self.function.node.default_child
        assert isinstance(resource, lambda_.CfnFunction)
        # What was tried three times in vain, and what nobody should have sent. By property: the
        # L2 would grant as above.
        resource.dead_letter_config = lambda_.CfnFunction.DeadLetterConfigProperty(
            target_arn=self.operators.topic_arn
        )

    def _obey_failovers(self, masters: list[str]) -> None:
        events.Rule(
            self,
            "Failover",
            description="A writer of the entity store fails over: READ_ONLY is entered",
            event_pattern=happens_to(masters, FAILOVERS),
            targets=[rule_target(self.function, max_event_age=_OLDEST_EVENT)],
        )

    def _obey_alarms(self, alarms: list[cloudwatch.AlarmBase]) -> None:
        events.Rule(
            self,
            "Alarm",
            description="An alarm of the entity store goes off: READ_ONLY is entered, or told",
            event_pattern=goes_off(alarms),
            targets=[rule_target(self.function, max_event_age=_OLDEST_EVENT)],
        )
