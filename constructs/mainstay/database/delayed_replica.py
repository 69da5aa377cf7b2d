"""The time-delayed replica: what a mistake took away is still there for a while."""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from mainstay.acknowledge import acknowledge
from mainstay.database.replica_node import ReplicaNode
from mainstay.network.network import Network

DELAYED_TAG = "mainstay:replica"  # "follower" or "delayed"; guards and backups find them by it


@dataclass(frozen=True, kw_only=True)
class NodeSize:
    """Of both servers: the replica must replay what the follower applies."""

    instance_type: str
    volume_gib: int
    volume_iops: int
    volume_mib_per_second: int


class DelayedReplica(Construct):
    """A logical follower of the entity master, and its physical standby that applies later.

    Nothing outside of Aurora can follow Aurora's storage, so the chain begins with logical
    replication; a physical standby can then be stopped just before a bad statement. Both stand in
    zones without a live replica. The follower is a subscriber and is migrated as one.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        network: Network,
        client_ranges: tuple[str, ...],
        database: str,
        follower_zone: str,
        delayed_zone: str,
        delay: cdk.Duration,
        size: NodeSize,
        image_parameter: str,
        key: kms.IKey,
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        self.replication_secret = self._secret("ReplicationSecret", key, removal_policy)
        self.operations_secret = self._secret("OperationsSecret", key, removal_policy)
        settings = {
            "DATABASE": database,
            "CLIENT_RANGES": " ".join(client_ranges),
            "REPLICATION_SECRET": self.replication_secret.secret_arn,
            "OPERATIONS_SECRET": self.operations_secret.secret_arn,
            # Half of the volume may hold the log that the replica has not yet fetched.
            "SLOT_KEEP": f"{size.volume_gib // 2}GB",
        }

        def node(construct_id: str, part: str, zone_id: str, more: dict[str, str]) -> ReplicaNode:
            made = ReplicaNode(
                self,
                construct_id,
                network=network,
                zone_id=zone_id,
                address=network.addresses.replica_address(zone_id),
                instance_type=size.instance_type,
                image_parameter=image_parameter,
                volume_gib=size.volume_gib,
                volume_iops=size.volume_iops,
                volume_mib_per_second=size.volume_mib_per_second,
                key=key,
                settings={"PART": part, **settings, **more},
                removal_policy=removal_policy,
            )
            cdk.Tags.of(made).add(DELAYED_TAG, part)
            for secret in (self.replication_secret, self.operations_secret):
                secret.grant_read(made.role)
            return made

        self.follower = node("Follower", "follower", follower_zone, {})
        self.delayed = node(
            "Delayed",
            "delayed",
            delayed_zone,
            {
                "FOLLOWER_ADDRESS": self.follower.address,
                "DELAY_MINUTES": str(int(delay.to_minutes())),
            },
        )

    def _secret(
        self, construct_id: str, key: kms.IKey, removal_policy: cdk.RemovalPolicy
    ) -> secretsmanager.Secret:
        """A bare password; the servers set it at every boot, so a new value needs one boot."""
        secret = secretsmanager.Secret(
            self,
            construct_id,
            encryption_key=key,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                exclude_punctuation=True, password_length=40
            ),
            removal_policy=removal_policy,
        )
        acknowledge(
            secret,
            dict.fromkeys(
                ("AwsSolutions-SMG4", "NIST.800.53.R5-SecretsManagerRotationEnabled"),
                "The password is known to two servers and to operations alone, reaches no person "
                "and opens nothing from outside the data tier; a rotation on a schedule would "
                "break the replica's connection on a night when nobody watches it.",
            ),
        )
        return secret
