"""One Region of an environment: its namespace in the app, and what all of its tiers stand on."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from config.model import Environment, Region
from mainstay.database.store_keys import StoreKeys
from mainstay.logs.region_logs import RegionLogs
from mainstay.network.network import Network
from stacks.composition.choices import egress_of
from stacks.composition.names import cluster_name, cluster_parts, named
from stacks.environment_stack import EnvironmentStack


class RegionContext:
    """A Region's keys, logs and network, and the one way to make a stack there.

    Its stacks stand in a namespace of the app: `cdk deploy 'us-west-2/*'` deploys a Region.
    """

    def __init__(self, app: cdk.App, environment: Environment, region: Region) -> None:
        self.environment = environment
        self.region = region
        self.name = region.name
        self._namespace = Construct(app, region.name)
        self.keys = StoreKeys(
            self.stack("Keys", "the keys of a Region's stores", stateful=True),
            "Keys",
            removal_policy=self.removal_policy,
        )
        self.logs = RegionLogs(
            self.stack("Logs", "the logs of a Region", stateful=True),
            "Logs",
            environment_name=environment.name,
            clusters={
                part: cluster_name(environment, part) for part in cluster_parts(environment, region)
            },
            retention_days=environment.log_retention_days,
            removal_policy=self.removal_policy,
        )
        # Nothing above a network survives its loss, so it is protected like what is stateful.
        self.network = Network(
            self.stack("Network", "the network of a Region", stateful=True),
            "Network",
            cidr=region.cidr,
            zone_ids=region.zone_ids,
            data_zone_ids=region.data_zone_ids,
            egress=egress_of(environment, region),
            flow_log_group=self.logs.flows,
        )

    def stack(self, part: str, description: str, *, stateful: bool) -> cdk.Stack:
        """Return a new stack of the Region; `part` is its id and the end of its name.

        A `stateful` one is protected where the environment keeps its data.
        """
        return EnvironmentStack(
            self._namespace,
            part,
            name=named(self.environment, f"{self.name}-{part.lower()}"),
            account=self.environment.account,
            region=self.name,
            description=description,
            protected=stateful and self.environment.keep_data,
            zone_ids=self.region.every_zone_id,
        )

    @property
    def removal_policy(self) -> cdk.RemovalPolicy:
        """Return what becomes of data when its resource leaves the template."""
        return removal_policy(self.environment)

    @property
    def longest_request(self) -> cdk.Duration:
        """Return how long a request may take before it is cut."""
        return cdk.Duration.seconds(self.environment.front_door.longest_request_seconds)


def removal_policy(environment: Environment) -> cdk.RemovalPolicy:
    """Return RETAIN where the environment keeps its data, else DESTROY."""
    return cdk.RemovalPolicy.RETAIN if environment.keep_data else cdk.RemovalPolicy.DESTROY
