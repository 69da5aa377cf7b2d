"""The time-delayed replica: what a mistake took away is still there for a while."""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from mainstay.backup.snapshot_job import VOLUME_TAG
from mainstay.database.replica_node import ReplicaServer
from mainstay.database.replication_secrets import nodes_name, replication_name
from mainstay.database.store_kind import DATABASE
from mainstay.network.network import Network

DELAYED_TAG = "mainstay:replica"  # "follower" or "delayed"; guards and backups find them by it


@dataclass(frozen=True, kw_only=True)
class NodeSize:
    """The size of both servers: the replica must replay what the follower applies."""

    instance_type: str
    volume_gib: int
    volume_iops: int
    volume_mib_per_second: int


class DelayedReplicaNodes(Construct):
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
        secrets_name: str,
        follower_zone: str,
        delayed_zone: str,
        delay: cdk.Duration,
        size: NodeSize,
        image_parameter: str,
        key: kms.IKey,
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        # Copies, under the names that they have where they were made.
        secrets = {
            "REPLICATION_SECRET": replication_name(secrets_name),
            "NODES_SECRET": nodes_name(secrets_name),
        }
        settings = {
            "DATABASE": DATABASE,
            "CLIENT_RANGES": " ".join(client_ranges),
            **secrets,
            # Half of the volume may hold the log that the replica has not yet fetched.
            "SLOT_KEEP": f"{size.volume_gib // 2}GB",
            # And a quarter, always, what was written last: in it one looks for a mistake.
            "LOG_KEEP": f"{size.volume_gib // 4}GB",
        }

        def node(construct_id: str, part: str, zone_id: str, more: dict[str, str]) -> ReplicaServer:
            made = ReplicaServer(
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
            cdk.Tags.of(made.volume).add(VOLUME_TAG, part)
            for name in secrets.values():
                _grant_read(made, name, key)
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


def _grant_read(node: ReplicaServer, name: str, key: kms.IKey) -> None:
    """By name, for no reference leads to a copy; Secrets Manager ends an ARN with six letters."""
    stack = cdk.Stack.of(node)
    arn = f"arn:aws:secretsmanager:{stack.region}:{stack.account}:secret:{name}-??????"
    node.role.add_to_policy(
        iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[arn])
    )
    key.grant_decrypt(node.role)
