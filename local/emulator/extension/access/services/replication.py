"""S3 replicates an object by the role of the bucket's configuration.

S3 User Guide, "Setting up permissions for live replication", and "Replicating encrypted objects".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.access import judge, keys, sessions
from local.emulator.extension.access.actions import objects
from local.emulator.extension.access.checks import Check

_OF_BUCKET = ("GetReplicationConfiguration", "ListBucket")
_OF_OBJECT = ("GetObjectVersionForReplication", "GetObjectVersionAcl", "GetObjectVersionTagging")
_OF_LOCKED = ("GetObjectRetention", "GetObjectLegalHold")
_OF_COPY = ("ReplicateObject", "ReplicateTags")


def install() -> None:
    s3 = inside.service("s3")
    destination = s3._replication_destination

    def allowed(bucket: str, key: str, rule: dict[str, Any], role: str) -> Any:
        """Return where a copy goes; None, which fails it, where the role may not make it."""
        found = destination(bucket, key, rule, role)
        if found is None:
            return None
        try:
            who = sessions.assume(role, "s3.amazonaws.com", "s3-replication")
            judge.need(who, _needed(s3, bucket, key, rule, found[0]))
        except judge.RefusedError:
            return None
        return found

    s3._replication_destination = allowed


def _needed(s3: Any, bucket: str, key: str, rule: dict[str, Any], copy: str) -> Iterator[Check]:
    source = f"arn:aws:s3:::{bucket}"
    for action in _OF_BUCKET:
        yield Check(f"s3:{action}", source)
    locked = s3._bucket_object_lock.get(bucket) is not None
    for action in (*_OF_OBJECT, *(_OF_LOCKED if locked else ())):
        yield Check(f"s3:{action}", f"{source}/{key}")
    for action in _OF_COPY:
        yield Check(f"s3:{action}", f"arn:aws:s3:::{copy}/{key}")
    sealed = objects.object_key(bucket, key) or objects.bucket_key(bucket)
    yield from keys.through("s3", sealed, "Decrypt")
    encryption = rule.get("Destination", {}).get("EncryptionConfiguration") or {}
    yield from keys.through("s3", encryption.get("ReplicaKmsKeyID"), "Encrypt")
