"""The alarm that no master can be written: two who do not know each other say so."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from constructs import Construct

from mainstay.acknowledge import acknowledge
from mainstay.database.metrics import ClusterMetrics
from mainstay.environment_names import metric_namespace, own_name

METRIC = "TasksWithoutWriter"

# As a task of the app tier logs it; docs/service-contract.md asks every image for it.
WORDS = {"event": "mode", "what": "entered READ_ONLY: no writer"}
# One task alone may have lost its network; both halves run two at least.
_TASKS = 2
_KEEPS_MINUTES = 5  # a task says it once, and Amazon RDS may need minutes to agree
_YOUNG_SECONDS = 120


class WriterDown(Construct):
    """In alarm when tasks of the app tier found no writer, and Amazon RDS has no sound one.

    The tasks see a network that is cut, and a fence; Amazon RDS sees the engine. Each is wrong
    now and then, and hardly ever with the other. `alarms` are the two sides by themselves.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment_name: str,
        masters: dict[str, ClusterMetrics],
        app_logs: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        unwritten = self._unwritten(app_logs, metric_namespace(environment_name, "ReadOnly"))
        # A master whose cluster is gone counts as silent until it is rebuilt: then the tasks'
        # word alone decides, and the other master has none in its place.
        silent = [self._silent(name, metrics) for name, metrics in masters.items()]
        sound = cloudwatch.AlarmState.OK
        self.alarm = cloudwatch.CompositeAlarm(
            self,
            "Alarm",
            composite_alarm_name=own_name(self),
            alarm_description="No master can be written, by the app tier's word and by Amazon "
            "RDS's; READ_ONLY is entered: docs/runbooks/read-only-by-itself.md",
            alarm_rule=cloudwatch.AlarmRule.all_of(
                cloudwatch.AlarmRule.from_alarm(unwritten, cloudwatch.AlarmState.ALARM),
                # Not OK is ALARM, a restart, or no data: an engine that hangs measures nothing.
                cloudwatch.AlarmRule.any_of(
                    *(
                        cloudwatch.AlarmRule.not_(cloudwatch.AlarmRule.from_alarm(one, sound))
                        for one in silent
                    )
                ),
            ),
        )
        self.alarms = [unwritten, *silent]
        for one in self.alarms:
            acknowledge(
                one,
                {
                    "NIST.800.53.R5-CloudWatchAlarmAction": "One side of the composite alarm, "
                    "which alone acts: a page for each side would teach people to wait for the "
                    "other one.",
                },
            )

    def _unwritten(self, app_logs: logs.ILogGroup, namespace: str) -> cloudwatch.Alarm:
        pattern = " && ".join(f'($.{name} = "{word}")' for name, word in WORDS.items())
        counted = logs.MetricFilter(
            self,
            "Unwritten",
            log_group=app_logs,
            filter_pattern=logs.FilterPattern.literal(f"{{ {pattern} }}"),
            metric_namespace=namespace,
            metric_name=METRIC,
            metric_value="1",
        )
        return cloudwatch.Alarm(
            self,
            "TasksWithoutWriter",
            alarm_description=f"{_TASKS} tasks of the app tier or more found no writer: "
            "docs/runbooks/read-only-by-itself.md",
            metric=counted.metric(statistic=cloudwatch.Stats.SUM, period=cdk.Duration.minutes(1)),
            threshold=_TASKS,
            evaluation_periods=_KEEPS_MINUTES,
            datapoints_to_alarm=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    def _silent(self, name: str, metrics: ClusterMetrics) -> cloudwatch.Alarm:
        return cloudwatch.Alarm(
            self,
            f"Restarted{name}",
            alarm_description="The writer of an entity master has just restarted: "
            "docs/runbooks/read-only-by-itself.md",
            metric=metrics.minimum_writer_uptime_in_seconds(),
            threshold=_YOUNG_SECONDS,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.MISSING,
        )
