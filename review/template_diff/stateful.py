"""Stateful resources removed, replaced, or left with less protection than before."""

from collections.abc import Iterator
from typing import Any

from assembly.protections import policy, weakened
from review.template_diff.changes import REMOVED, REPLACED, ResourceChange, StackChange
from review.template_diff.findings import WHOLE_STACK, Danger, DangerKind
from review.template_diff.verdicts import harmed, kept_shorter

# Type -> what is gone with it. In the table: whatever a new resource of the same template does not
# bring back. Not in it: ACM certificates (reissued from DNS; ACM refuses to delete one in use),
# SSM parameters (their values are in the template) and topics (nothing rests in them).
STATEFUL_TYPES = {
    "AWS::RDS::DBCluster": "a database",
    "AWS::RDS::DBInstance": "a database, or the capacity of a cluster",
    "AWS::RDS::GlobalCluster": "the replication between Regions",
    "AWS::RDS::Integration": "the replication into the warehouse",
    "AWS::DSQL::Cluster": "a database",
    "AWS::DocDB::DBCluster": "a database",
    "AWS::Neptune::DBCluster": "a database",
    "AWS::Redshift::Cluster": "a database",
    "AWS::RedshiftServerless::Namespace": "a database",
    "AWS::DynamoDB::Table": "a table",
    "AWS::DynamoDB::GlobalTable": "a table in every Region",
    "AWS::Cassandra::Table": "a table",
    "AWS::Timestream::Table": "a table",
    "AWS::OpenSearchService::Domain": "an index",
    "AWS::OpenSearchServerless::Collection": "an index",
    "AWS::ElastiCache::ReplicationGroup": "sessions and counters kept nowhere else",
    "AWS::ElastiCache::CacheCluster": "sessions and counters kept nowhere else",
    "AWS::ElastiCache::ServerlessCache": "sessions and counters kept nowhere else",
    "AWS::MemoryDB::Cluster": "a database",
    "AWS::S3::Bucket": "objects",
    "AWS::EFS::FileSystem": "files",
    "AWS::FSx::FileSystem": "files",
    "AWS::EC2::Volume": "a disk",
    "AWS::EC2::Instance": "the disks that terminate with it",
    "AWS::ECR::Repository": "the images a rollback needs",
    "AWS::KMS::Key": "everything encrypted with it",
    "AWS::KMS::ReplicaKey": "everything its Region encrypted with it",
    "AWS::SecretsManager::Secret": "a secret",
    "AWS::ACMPCA::CertificateAuthority": "a private key that clients trust",
    "AWS::Route53::HostedZone": "name servers that the registrar delegates to",
    "AWS::Route53::KeySigningKey": "the key that the parent zone vouches for",
    "AWS::Route53::DNSSEC": "the signatures that resolvers expect",
    "AWS::EC2::EIP": "an address others have written down",
    "AWS::GlobalAccelerator::Accelerator": "addresses others have written down",
    "AWS::Cognito::UserPool": "users",
    "AWS::SQS::Queue": "messages in flight",
    "AWS::Kinesis::Stream": "records in flight",
    "AWS::MSK::Cluster": "records in flight",
    "AWS::Logs::LogGroup": "the record of what happened",
    "AWS::CloudTrail::EventDataStore": "the record of what happened",
    "AWS::Backup::BackupPlan": "the schedule of backups",
    "AWS::Backup::BackupSelection": "the choice of what is backed up",
    "AWS::Backup::BackupVault": "recovery points",
    "AWS::Backup::LogicallyAirGappedBackupVault": "recovery points",
}

_ON_REMOVAL = {
    "Delete": "DeletionPolicy Delete destroys it",
    "Snapshot": "DeletionPolicy Snapshot destroys it and leaves a snapshot",
    "Retain": "DeletionPolicy Retain leaves it in the account, outside every stack",
}
_ON_REPLACEMENT = {
    "Delete": "UpdateReplacePolicy Delete destroys the old one",
    "Snapshot": "UpdateReplacePolicy Snapshot destroys the old one and leaves a snapshot",
    "Retain": "UpdateReplacePolicy Retain leaves the old one aside; the new one starts empty",
}


def stateful_dangers(stack: StackChange) -> Iterator[Danger]:
    yield from _stack_protection(stack)
    changed = {change.logical_id: change for change in stack.resources}
    for logical_id, old in sorted(stack.old.items()):
        facts = [
            *_fate(changed.get(logical_id), old, stack.new.get(logical_id, {})),
            *_weakened(old, stack.new.get(logical_id)),
            *_edited(changed.get(logical_id), old, stack.new.get(logical_id)),
        ]
        if facts:
            yield Danger(
                kind=DangerKind.STATEFUL,
                stack=stack.name,
                resource=logical_id,
                path=stack.path(logical_id),
                what=f"`{old.get('Type')}` {facts[0]}",
                items=tuple(facts[1:]),
            )


def _stack_protection(stack: StackChange) -> Iterator[Danger]:
    before, after = stack.before, stack.after
    if before and after and before.termination_protection and not after.termination_protection:
        yield Danger(
            kind=DangerKind.STATEFUL,
            stack=stack.name,
            resource=WHOLE_STACK,
            path=stack.name,
            what="loses its termination protection",
        )


def _fate(change: ResourceChange | None, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    lost = STATEFUL_TYPES.get(old.get("Type", ""))
    if change is None or lost is None:
        return
    if change.impact in REMOVED:
        yield f"is removed, and with it {lost}: {_ON_REMOVAL[policy(old, 'DeletionPolicy')]}"
    if change.impact in REPLACED:
        verb = "is replaced" if change.is_certain else "may be replaced"
        cause = f" (by `{'`, `'.join(change.replacing)}`)" if change.replacing else ""
        outcome = _ON_REPLACEMENT[policy(new, "UpdateReplacePolicy")]
        yield f"{verb}{cause}, and with it {lost}: {outcome}"


def _weakened(old: dict[str, Any], new: dict[str, Any] | None) -> Iterator[str]:
    if new is None or new.get("Type") != old.get("Type"):
        return
    for name, before, after in weakened(old, new, holds_data=old.get("Type") in STATEFUL_TYPES):
        yield f"is protected less: `{name}` goes from {before} to {after}"


def _edited(
    change: ResourceChange | None, old: dict[str, Any], new: dict[str, Any] | None
) -> Iterator[str]:
    if change is None or new is None or new.get("Type") != old.get("Type"):
        return
    sides = (old.get("Properties", {}), new.get("Properties", {}))
    if old.get("Type") in STATEFUL_TYPES:
        replacing = change.replacing if change.impact in REPLACED else ()
        names = [name for name in change.properties if name not in replacing]
        yield from harmed(old["Type"], *sides, names)
    else:
        yield from kept_shorter(*sides)
