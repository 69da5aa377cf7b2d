"""The alarms of replicas: too far behind, which enters READ_ONLY, and broken, which tells."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from mainstay.acknowledge import acknowledge
from mainstay.database.metrics import MEASURED_EVERY, ClusterMetrics, ReplicaMetrics

# What a master keeps for its slowest subscriber, which Amazon RDS measures by itself: a million
# changed rows and more. Administrators do not write that much unawares.
_SLOT_LAG = cdk.Size.gibibytes(1)
# Replicas are behind by well under a second when all is well.
_LAG = cdk.Duration.minutes(1)
_TIMES = 3  # in a row: one measure may fall into a checkpoint, or a restart
_RUNBOOK = "docs/runbooks/read-only-by-itself.md"


class ReplicationAlarms(Construct):
    """`lagging` enter READ_ONLY, which bounds what a lost master would take along; `broken` tell.

    Only the lag of `successors` and `copies`, which could take the writes, stops writes; the
    `followers` are backups, and users are served without them.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        masters: dict[str, ClusterMetrics],
        copies: dict[str, ClusterMetrics],
        successors: dict[str, ReplicaMetrics],
        followers: dict[str, ReplicaMetrics],
    ) -> None:
        super().__init__(scope, construct_id)
        late = _LAG.to_human_string()
        self.lagging = [
            self._alarm(
                f"Lag{name}",
                metrics.maximum_lag_in_seconds().with_(period=MEASURED_EVERY),
                _LAG.to_seconds(),
                f"A master is more than {late} behind the other; READ_ONLY is entered",
            )
            for name, metrics in successors.items()
        ]
        self.lagging += [
            self._alarm(
                f"Loss{name}",
                metrics.maximum_copy_loss_in_millis(),
                _LAG.to_milliseconds(),
                f"A failover to this Region would lose more than {late}; READ_ONLY is entered",
            )
            for name, metrics in copies.items()
        ]
        self.replicas = {
            name: self._alarm(
                f"Broken{name}",
                metrics.maximum_broken().with_(period=MEASURED_EVERY),
                0,
                "A replica does not answer, or its subscription is off",
            )
            for name, metrics in (successors | followers).items()
        }
        self.broken = [
            *self.replicas.values(),
            *(
                self._alarm(
                    f"Slot{name}",
                    metrics.maximum_slot_lag_in_bytes(),
                    _SLOT_LAG.to_bytes(),
                    f"A master keeps more than {_SLOT_LAG.to_gibibytes()} GiB for a subscriber",
                )
                for name, metrics in masters.items()
            ),
        ]

    def _alarm(
        self, name: str, metric: cloudwatch.Metric, threshold: float, description: str
    ) -> cloudwatch.Alarm:
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_description=f"{description}: {_RUNBOOK}",
            metric=metric,
            threshold=threshold,
            evaluation_periods=_TIMES,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            # A replica that is not there yet, or is not measured, is no reason to stop writes.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        acknowledge(
            alarm,
            {
                "NIST.800.53.R5-CloudWatchAlarmAction": "A rule of EventBridge acts on this alarm "
                "and tells the operators: CloudWatch itself cannot publish to a topic that AWS's "
                "own key encrypts.",
            },
        )
        return alarm
