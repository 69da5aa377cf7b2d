"""The cost of kept backups: a whole one of each, and what changed every night since."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from assembly.stack import Stack
from review.cost.prices import PriceList

Quantity = tuple[str, float]
Properties = dict[str, Any]
_Rule = Callable[[Properties, PriceList], Iterator[Quantity]]

_NIGHTS = 35  # of the longest retention in use; shorter ones cost less


def backup_quantities(stack: Stack, prices: PriceList) -> Iterator[Quantity]:
    """Yield the quantities of the stack's vaults, buckets of backups, and snapshots of volumes."""
    for kind, rule in _RULES.items():
        for properties in stack.of_type(kind).values():
            yield from rule(properties, prices)


def _vault(_: Properties, prices: PriceList) -> Iterator[Quantity]:
    # The clusters' points are incremental; of two clusters and the table.
    yield "vault", _kept(2 * prices.assume("database_gb") + prices.assume("sessions_gb"), prices)


def _bucket(properties: Properties, prices: PriceList) -> Iterator[Quantity]:
    name = str(properties.get("BucketName", ""))
    if name.endswith(("-archive", "-archive-copy")):  # of both replicas, packs shared by nights
        gb = _kept(2 * prices.assume("database_gb"), prices)
        yield "objects_kept", gb * prices.assume("compression")
    elif name.endswith(("-dumps", "-dumps-copy")):  # every dump and export is a whole one
        gb = 2 * prices.assume("database_gb") + prices.assume("sessions_gb")
        yield "objects_kept", gb * prices.assume("compression") * _NIGHTS


def _volume(properties: Properties, prices: PriceList) -> Iterator[Quantity]:
    tags = {tag["Key"] for tag in properties.get("Tags", ())}
    if "mainstay:snapshots" in tags:  # here, and its copies in the other Region
        yield "snapshots", 2 * _kept(prices.assume("database_gb"), prices)


def _kept(gb: float, prices: PriceList) -> float:
    return gb * (1 + prices.assume("backup_changed") * _NIGHTS)


_RULES: dict[str, _Rule] = {
    "AWS::Backup::BackupVault": _vault,
    "AWS::EC2::Volume": _volume,
    "AWS::S3::Bucket": _bucket,
}
BACKUP_KINDS = frozenset(_RULES)
