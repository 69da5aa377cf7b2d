"""Buckets: encryption, lifecycle, ownership, Object Lock, replication, tags, and no silent loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.client import client
from local.emulator.extension.registry import Made, Properties
from local.emulator.extension.shapes import request
from local.emulator.extension.tags import as_map
from local.emulator.extension.wraps.around import after

_BUCKET = "AWS::S3::Bucket"


def install() -> None:
    after(_BUCKET, _configure)
    handler = inside.handlers()[_BUCKET]
    delete = handler["delete"]

    def delete_if_empty(bucket: str, properties: Properties) -> None:
        if client("s3").list_object_versions(Bucket=bucket, MaxKeys=1).get("Versions"):
            raise ValueError("The bucket you tried to delete is not empty")
        delete(bucket, properties)

    handler["delete"] = delete_if_empty
    s3 = inside.service("s3")
    s3._resolve_sse_write_headers = _with_the_accounts_key(s3, s3._resolve_sse_write_headers)


_ALGORITHM = "x-amz-server-side-encryption"
_KEY_ID = "x-amz-server-side-encryption-aws-kms-key-id"


def _with_the_accounts_key(s3: Any, resolve: Any) -> Any:
    """aws:kms without a key is the bucket's, or else the account's own; the emulator refuses it."""

    def resolved(headers: dict[str, str], bucket: str) -> Any:
        if headers.get(_ALGORITHM) == "aws:kms" and not headers.get(_KEY_ID):
            own = f"arn:aws:kms:{inside.region()}:{inside.account()}:alias/aws/s3"
            key = s3._bucket_default_sse_headers(bucket).get(_KEY_ID) or own
            headers = {**headers, _KEY_ID: key}
        return resolve(headers, bucket)

    return resolved


def _configure(made: Made, old: Properties, new: Properties) -> None:
    """Put each configuration that the template has, and remove each that it no longer has."""
    for name, (method, parameter, read) in _CONFIGURATIONS.items():
        if new.get(name) == old.get(name):
            continue
        if name in new:
            _call(f"put_bucket_{method}", made.physical_id, parameter, read(new[name]))
        else:
            getattr(client("s3"), f"delete_bucket_{method}")(Bucket=made.physical_id)
    if new.get("LoggingConfiguration") != old.get("LoggingConfiguration"):
        _call("put_bucket_logging", made.physical_id, "BucketLoggingStatus", _logging(new))
    _lock(made.physical_id, new)
    _tag(made.physical_id, old, new)


def _call(method: str, bucket: str, parameter: str, value: Any) -> None:
    s3 = client("s3")
    getattr(s3, method)(**request(s3, method, {"Bucket": bucket, parameter: value}))


def _logging(properties: Properties) -> dict[str, Any]:
    """The emulator writes no log; the API returns where it would go."""
    given = properties.get("LoggingConfiguration")
    if given is None:
        return {}
    target, prefix = given["DestinationBucketName"], given.get("LogFilePrefix", "")
    return {"LoggingEnabled": {"TargetBucket": target, "TargetPrefix": prefix}}


def _lock(bucket: str, properties: Properties) -> None:
    if str(properties.get("ObjectLockEnabled", "false")).lower() != "true":
        return
    # A bucket that is made with Object Lock keeps versions, whatever its template sets.
    _call("put_bucket_versioning", bucket, "VersioningConfiguration", {"Status": "Enabled"})
    configuration = properties.get("ObjectLockConfiguration") or {"ObjectLockEnabled": "Enabled"}
    _call("put_object_lock_configuration", bucket, "ObjectLockConfiguration", configuration)


def _tag(bucket: str, old: Properties, new: Properties) -> None:
    tags = as_map(new)
    if tags == as_map(old):
        return
    if tags:
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        client("s3").put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": pairs})
    else:
        client("s3").delete_bucket_tagging(Bucket=bucket)


def _encryption(value: Any) -> Any:
    names = {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"}
    return {
        "Rules": [
            {names.get(name, name): item for name, item in rule.items()}
            for rule in value["ServerSideEncryptionConfiguration"]
        ]
    }


_EXPIRATION = {
    "ExpirationInDays": "Days",
    "ExpirationDate": "Date",
    "ExpiredObjectDeleteMarker": "ExpiredObjectDeleteMarker",
}
_FILTER = ("Prefix", "TagFilters", "ObjectSizeGreaterThan", "ObjectSizeLessThan")


def _lifecycle(value: Any) -> Any:
    return {"Rules": [_lifecycle_rule(rule, number) for number, rule in enumerate(value["Rules"])]}


def _lifecycle_rule(rule: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Return a template's flat rule as the API's nested one."""
    made = {
        key: value
        for key, value in rule.items()
        if key not in (*_EXPIRATION, *_FILTER, "Id", "Transitions", "NoncurrentVersionTransitions")
    }
    made["ID"] = rule.get("Id", f"rule-{number}")
    expiration = {api: rule[name] for name, api in _EXPIRATION.items() if name in rule}
    if expiration:
        made["Expiration"] = expiration
    made["Filter"] = _filter({name: rule[name] for name in _FILTER if name in rule})
    for name, days in (("Transitions", "Days"), ("NoncurrentVersionTransitions", "NoncurrentDays")):
        if name in rule:
            names = {"TransitionInDays": days, "TransitionDate": "Date"}
            made[name] = [
                {names.get(key, key): value for key, value in step.items()} for step in rule[name]
            ]
    return made


def _filter(parts: dict[str, Any]) -> dict[str, Any]:
    """One condition stands alone, several stand in an And."""
    tags = parts.pop("TagFilters", [])
    if len(tags) + len(parts) > 1:
        return {"And": {**parts, **({"Tags": tags} if tags else {})}}
    return {"Tag": tags[0]} if tags else parts or {"Prefix": ""}


def _replication(value: Any) -> Any:
    return {**value, "Rules": [_replication_rule(rule) for rule in value["Rules"]]}


def _replication_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(rule)
    if "Filter" in rule:
        chosen = dict(rule["Filter"])
        if "TagFilter" in chosen:
            chosen["Tag"] = chosen.pop("TagFilter")
        if "And" in chosen:
            both = dict(chosen["And"])
            both["Tags"] = both.pop("TagFilters", [])
            chosen["And"] = both
        made["Filter"] = chosen
    return made


def _same(value: Any) -> Any:
    return value


# Property -> the API's operation, its parameter, and how the property becomes its value.
_CONFIGURATIONS: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
    "BucketEncryption": ("encryption", "ServerSideEncryptionConfiguration", _encryption),
    "LifecycleConfiguration": ("lifecycle_configuration", "LifecycleConfiguration", _lifecycle),
    "OwnershipControls": ("ownership_controls", "OwnershipControls", _same),
    "ReplicationConfiguration": ("replication", "ReplicationConfiguration", _replication),
}
