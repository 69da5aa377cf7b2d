"""The rules between tiers: each may speak to its neighbour, and to nothing beyond."""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from mainstay.acknowledge import acknowledge

EDGE_PORT = 8443  # nginx, TLS with a certificate made at the task's start
APP_BALANCER_PORT = 443
APP_PORT = 8080
DATABASE_PORT = 5432


class TierSecurityGroups(Construct):
    """One security group per tier, and every rule between them.

    internet -> public -> edge -> internal -> app -> entity, transaction; worker -> transaction. A
    database carries two: data, in which databases follow each other and operations reach them
    all, and its store's, which admits the store's clients alone. A replica node has no clients
    and carries data, and one for what only it must reach. The groups are handed out as immutable
    references, so that no load balancer or service can add a rule of its own on the way: this
    file is the whole answer to "who reaches the databases?".
    """

    def __init__(self, scope: Construct, construct_id: str, *, vpc: ec2.IVpc) -> None:
        super().__init__(scope, construct_id)
        groups = {
            name: ec2.SecurityGroup(
                self, name, vpc=vpc, allow_all_outbound=False, description=description
            )
            for name, description in {
                "Public": "The public load balancer: the internet in, the edge out",
                "Edge": "nginx: from the public load balancer, to the internal one",
                "Internal": "The internal load balancer: from the edge, to the app tier",
                "App": "App servers: from the internal load balancer, to the databases",
                "Data": "Databases: from the app tier and from each other",
                "Replica": "Replica nodes, beside Data: to AWS services, which no database needs",
                "Endpoints": "Endpoints of AWS services: from the edge, the app tier and replicas",
                "Entity": "Servers of the entity store: from the app tier",
                "Transaction": "Servers of the transaction store: from the app tier and the worker",
                "Worker": "Workers: from nobody, to the transaction store",
                "Operations": "Operations tasks: from nobody, to every database",
            }.items()
        }
        front_door = groups["Public"]
        front_door.add_ingress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "Users, from anywhere")
        front_door.add_ingress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(80), "Redirected to HTTPS")
        acknowledge(
            front_door,
            {
                "AwsSolutions-EC23": "This group is the front door of a public identity service: "
                "users sign in from any address, on 443, and 80 only answers with a redirect to "
                "it. AWS WAF stands before the load balancer, and no other group admits the "
                "internet.",
            },
        )
        for source, target, port, why in (
            ("Public", "Edge", EDGE_PORT, "Requests, past the firewall"),
            ("Edge", "Internal", APP_BALANCER_PORT, "Requests, normalised"),
            ("Internal", "App", APP_PORT, "Requests, to either half"),
            ("App", "Entity", DATABASE_PORT, "Logins read, administrators write"),
            ("App", "Transaction", DATABASE_PORT, "The log is read"),
            ("Worker", "Transaction", DATABASE_PORT, "Audit events are written"),
            ("Operations", "Data", DATABASE_PORT, "Bootstrap, migrations, replication, promotion"),
            ("Operations", "Internal", APP_BALANCER_PORT, "The smoke test of an upgrade"),
            ("Edge", "Endpoints", 443, "Images and logs"),
            ("App", "Endpoints", 443, "Images and logs"),
            ("Worker", "Endpoints", 443, "Images, logs and the queue"),
            ("Operations", "Endpoints", 443, "Images, logs and passwords"),
            ("Replica", "Endpoints", 443, "Its volume, its passwords and Session Manager"),
        ):
            groups[source].connections.allow_to(groups[target], ec2.Port.tcp(port), why)
        # `allow_to` itself would write the outward half of the rule alone.
        groups["Data"].connections.allow_internally(
            ec2.Port.tcp(DATABASE_PORT), "Replication between masters and replicas"
        )
        for name in ("Edge", "App", "Worker", "Operations", "Replica"):
            # With egress "endpoints" the only routes out lead to the gateway endpoints of S3 and
            # DynamoDB; with "nat" this is the tier's way to the internet, TLS alone. A replica has
            # no such way in either case, and takes its packages from S3.
            groups[name].add_egress_rule(
                ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "AWS services over TLS"
            )

        def sealed(name: str) -> ec2.ISecurityGroup:
            return ec2.SecurityGroup.from_security_group_id(
                self, f"Sealed{name}", groups[name].security_group_id, mutable=False
            )

        self.public = sealed("Public")
        self.edge = sealed("Edge")
        self.internal = sealed("Internal")
        self.app = sealed("App")
        self.data = sealed("Data")
        self.replica = sealed("Replica")
        self.endpoints = sealed("Endpoints")
        self.entity = sealed("Entity")
        self.transaction = sealed("Transaction")
        self.worker = sealed("Worker")
        self.operations = sealed("Operations")

    def of_store(self, name: str) -> list[ec2.ISecurityGroup]:
        """Return the group of a relational store's servers; a store of reports has no clients."""
        clients = {"entity": [self.entity], "transaction": [self.transaction]}
        return [self.data, *clients.get(name, [])]
