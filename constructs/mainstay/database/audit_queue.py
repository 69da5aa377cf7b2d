"""Where an audit event waits for the transaction store: a login depends on this alone."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from mainstay.acknowledge import acknowledge_inline_policy

VARIABLE = "EVENTS_QUEUE_URL"

# The most that Amazon SQS keeps a message: so long may the transaction store be away.
_KEPT = cdk.Duration.days(14)
# Receptions before a message is set aside; one that no worker can write must not stop the others.
_ATTEMPTS = 5
# Until a message that a lost worker held is given to another; several times one batch's work.
_HELD = cdk.Duration.minutes(2)


class AuditQueue(Construct):
    """One queue in each Region, and beside it the dead letters, which a person looks at.

    Amazon SQS counts a message's age from its first sending also after it was set aside, so a dead
    letter has what is left of the fourteen days. The grants return the variables that the grantee
    needs.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        key: kms.IKey,
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        self._key = key

        def queue(construct_id: str, **more: object) -> sqs.Queue:
            return sqs.Queue(
                self,
                construct_id,
                encryption=sqs.QueueEncryption.KMS,
                encryption_master_key=key,
                # An hour's outage of AWS KMS would otherwise stop logins after five minutes.
                data_key_reuse=cdk.Duration.hours(1),
                enforce_ssl=True,
                retention_period=_KEPT,
                removal_policy=removal_policy,
                **more,  # pyright: ignore[reportArgumentType]
            )

        self.dead_letters = queue("DeadLetters")
        self.queue = queue(
            "Events",
            visibility_timeout=_HELD,
            receive_message_wait_time=cdk.Duration.seconds(20),  # an idle worker asks rarely
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters,  # pyright: ignore[reportArgumentType]
                max_receive_count=_ATTEMPTS,
            ),
        )

    def grant_send(self, grantee: iam.IRole) -> dict[str, str]:
        """Put events in, and see that the queue answers. Returns the grantee's variables."""
        self._key.grant(grantee, "kms:GenerateDataKey", "kms:Decrypt")
        return self._granted(grantee, "sqs:SendMessage")

    def grant_receive(self, grantee: iam.IRole) -> dict[str, str]:
        """Take events out for good. Returns the grantee's variables."""
        self._key.grant(grantee, "kms:Decrypt")
        return self._granted(
            grantee, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"
        )

    def _granted(self, grantee: iam.IRole, *actions: str) -> dict[str, str]:
        self.queue.grant(grantee, *actions, "sqs:GetQueueAttributes")
        acknowledge_inline_policy(grantee)
        return {VARIABLE: self.queue.queue_url}
