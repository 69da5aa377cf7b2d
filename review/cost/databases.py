"""The cost of the stores' being there: instances, storage, secrets, the replica's servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from assembly.stack import Stack
from review.cost.prices import PriceList

HOURS = 730  # in a month, as AWS's own estimates count

Quantity = tuple[str, float]
Properties = dict[str, Any]
_Rule = Callable[[Stack, Properties, PriceList], Iterator[Quantity]]

# An instance class's size as a multiple of "large"; classes of the same letter cost alike.
_LARGE = {"medium": 0.5, "large": 1, "xlarge": 2}
# GiB of memory of a "large", by the letter of the class, and of the small burstable ones.
_GIB_OF_LARGE = {"c": 4, "m": 8, "r": 16, "t": 8, "x": 32}
_BURSTABLE_GIB = {"nano": 0.5, "micro": 1, "small": 2, "medium": 4}


def database_quantities(stack: Stack, prices: PriceList) -> Iterator[Quantity]:
    """Yield the quantities of every store of the stack, whether or not anybody calls."""
    for kind, rule in _RULES.items():
        for properties in stack.of_type(kind).values():
            yield from rule(stack, properties, prices)


def _times_large(size: str) -> float:
    if size in _LARGE:
        return _LARGE[size]
    return 2 * float(size.removesuffix("xlarge"))  # 2xlarge is four times a large


def _instance(stack: Stack, properties: Properties, prices: PriceList) -> Iterator[Quantity]:
    size = properties["DBInstanceClass"].rpartition(".")[2]
    if size != "serverless":
        yield "aurora_large", HOURS * _times_large(size)
        return
    cluster = stack.resources[properties["DBClusterIdentifier"]["Ref"]]["Properties"]
    capacity = cluster["ServerlessV2ScalingConfiguration"]
    least, most = float(capacity["MinCapacity"]), float(capacity["MaxCapacity"])
    yield "aurora_acu", HOURS * (least + prices.assume("acu_share") * (most - least))


def _cluster(_: Stack, properties: Properties, prices: PriceList) -> Iterator[Quantity]:
    yield "aurora_storage", prices.assume("database_gb")


def _table(_: Stack, properties: Properties, prices: PriceList) -> Iterator[Quantity]:
    if "WriteOnDemandThroughputSettings" in properties:  # sessions; a control table holds a few kB
        yield "sessions_kept", prices.assume("sessions_gb") * len(properties["Replicas"])


def _secret(_: Stack, properties: Properties, prices: PriceList) -> Iterator[Quantity]:
    yield "secret", 1 + len(properties.get("ReplicaRegions", ()))


def _namespace(_: Stack, properties: Properties, prices: PriceList) -> Iterator[Quantity]:
    copies = len(properties.get("SnapshotCopyConfigurations", ()))
    if "NamespaceResourcePolicy" in properties:  # it is filled; one that waits is empty
        yield "warehouse_storage", prices.assume("database_gb") * (1 + copies)


def _workgroup(stack: Stack, properties: Properties, prices: PriceList) -> Iterator[Quantity]:
    if stack.of_type("AWS::RDS::Integration"):
        yield "warehouse", properties["BaseCapacity"] * prices.assume("warehouse_hours")


def _server(_: Stack, properties: Properties, prices: PriceList) -> Iterator[Quantity]:
    family, _, size = properties["LaunchTemplateData"]["InstanceType"].partition(".")
    if family.startswith("t") and size in _BURSTABLE_GIB:
        gib = _BURSTABLE_GIB[size]
    else:
        gib = _GIB_OF_LARGE[family[0]] * _times_large(size)
    yield "replica_gib", HOURS * gib


def _volume(_: Stack, properties: Properties, prices: PriceList) -> Iterator[Quantity]:
    yield "volume", properties["Size"]
    yield "volume_iops", max(0, properties.get("Iops", 3_000) - 3_000)
    yield "volume_throughput", max(0, properties.get("Throughput", 125) - 125)


_RULES: dict[str, _Rule] = {
    "AWS::DynamoDB::GlobalTable": _table,
    "AWS::EC2::LaunchTemplate": _server,
    "AWS::EC2::Volume": _volume,
    "AWS::RDS::DBCluster": _cluster,
    "AWS::RDS::DBInstance": _instance,
    "AWS::RedshiftServerless::Namespace": _namespace,
    "AWS::RedshiftServerless::Workgroup": _workgroup,
    "AWS::SecretsManager::Secret": _secret,
}
DATABASE_KINDS = frozenset(_RULES)
