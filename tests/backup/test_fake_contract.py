"""What the EBS direct APIs and S3 answer, asked of our fake and of moto, with every difference.

Each probe gives what AWS's reference says; where moto answers otherwise, its answer stands in the
table, so that a new moto which mends something, or breaks something else, says so here.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from moto import mock_aws

from doubles.ebs_direct.cloud import Cloud
from doubles.ebs_direct.in_process import client
from doubles.ebs_direct.volumes import BLOCK_SIZE

A, B = b"\1" * BLOCK_SIZE, b"\2" * BLOCK_SIZE
SAME = object()  # moto answers as AWS does


def put(ebs, snapshot, index, data=A, **more):
    checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
    asked = {"DataLength": len(data), "Checksum": checksum, "ChecksumAlgorithm": "SHA256", **more}
    ebs.put_snapshot_block(SnapshotId=snapshot, BlockIndex=index, BlockData=data, **asked)


def made(ebs, blocks, parent=None):
    more = {"ParentSnapshotId": parent} if parent else {}
    snapshot = ebs.start_snapshot(VolumeSize=1, **more)["SnapshotId"]
    for index, data in blocks.items():
        put(ebs, snapshot, index, data)
    ebs.complete_snapshot(SnapshotId=snapshot, ChangedBlocksCount=len(blocks))
    return snapshot


def listed(ebs, snapshot, **more):
    return [
        b["BlockIndex"] for b in ebs.list_snapshot_blocks(SnapshotId=snapshot, **more)["Blocks"]
    ]


def error(call):
    try:
        call()
    except ClientError as found:
        return found.response["Error"]["Code"]
    except (BotoCoreError, KeyError) as found:
        return type(found).__name__
    return "accepted"


# ----------------------------------------------------------------------------------- EBS direct


def block_size(ebs, *_):
    return ebs.start_snapshot(VolumeSize=1)["BlockSize"]


def the_state_of_a_new_snapshot(ebs, *_):
    return ebs.start_snapshot(VolumeSize=1)["Status"]


def the_same_client_token(ebs, *_):
    first, second = (ebs.start_snapshot(VolumeSize=1, ClientToken="t") for _ in range(2))
    return first["SnapshotId"] == second["SnapshotId"]


def a_wrong_checksum(ebs, *_):
    snapshot = ebs.start_snapshot(VolumeSize=1)["SnapshotId"]
    return error(lambda: put(ebs, snapshot, 0, Checksum="A" * 43 + "="))


def a_short_block(ebs, *_):
    snapshot = ebs.start_snapshot(VolumeSize=1)["SnapshotId"]
    return error(lambda: put(ebs, snapshot, 0, b"short"))


def a_block_outside_the_volume(ebs, *_):
    snapshot = ebs.start_snapshot(VolumeSize=1)["SnapshotId"]
    return error(lambda: put(ebs, snapshot, 2048))


def a_block_after_the_end(ebs, *_):
    return error(lambda: put(ebs, made(ebs, {0: A}), 1))


def another_count_at_the_end(ebs, *_):
    snapshot = ebs.start_snapshot(VolumeSize=1)["SnapshotId"]
    return error(lambda: ebs.complete_snapshot(SnapshotId=snapshot, ChangedBlocksCount=7))


def the_order_of_a_listing(ebs, *_):
    return listed(ebs, made(ebs, {9: A, 2: B}))


def a_listing_from_a_block_on(ebs, *_):
    return listed(ebs, made(ebs, {2: A, 9: B}), StartingBlockIndex=5)


def a_page_of_a_hundred(ebs, *_):
    snapshot = made(ebs, dict.fromkeys(range(101), A))
    page = ebs.list_snapshot_blocks(SnapshotId=snapshot, MaxResults=100)
    return len(page["Blocks"]), "NextToken" in page


def reading_a_pending_snapshot(ebs, *_):
    snapshot = ebs.start_snapshot(VolumeSize=1)["SnapshotId"]
    return error(lambda: listed(ebs, snapshot))


def a_block_by_another_s_token(ebs, *_):
    snapshot = made(ebs, {0: A, 1: B})
    token = ebs.list_snapshot_blocks(SnapshotId=snapshot)["Blocks"][0]["BlockToken"]
    return error(
        lambda: ebs.get_snapshot_block(SnapshotId=snapshot, BlockIndex=1, BlockToken=token)
    )


def a_block_and_its_checksum(ebs, *_):
    snapshot = made(ebs, {3: A})
    token = ebs.list_snapshot_blocks(SnapshotId=snapshot)["Blocks"][0]["BlockToken"]
    found = ebs.get_snapshot_block(SnapshotId=snapshot, BlockIndex=3, BlockToken=token)
    digest = base64.b64encode(hashlib.sha256(A).digest()).decode()
    return found["BlockData"].read() == A, found["Checksum"] == digest, found["DataLength"]


def what_a_child_holds_of_its_parent(ebs, *_):
    return listed(ebs, made(ebs, {1: B}, made(ebs, {0: A})))


def what_changed(ebs, *_):
    first = made(ebs, {0: A, 1: A})
    second = made(ebs, {1: B, 3: B}, first)
    changed = ebs.list_changed_blocks(FirstSnapshotId=first, SecondSnapshotId=second)
    return [block["BlockIndex"] for block in changed["ChangedBlocks"]]


def what_changed_between_strangers(ebs, *_):
    first, second = made(ebs, {0: A}), made(ebs, {0: B})
    return error(lambda: ebs.list_changed_blocks(FirstSnapshotId=first, SecondSnapshotId=second))


def an_unknown_snapshot(ebs, *_):
    return error(lambda: listed(ebs, "snap-0123456789abcdef0"))


# ------------------------------------------------------------------------------------------- S3


def wrong_bytes(_, s3, bucket):
    wrong = base64.b64encode(bytes(32)).decode()
    return error(
        lambda: s3.put_object(
            Bucket=bucket, Key="k", Body=A, ChecksumAlgorithm="SHA256", ChecksumSHA256=wrong
        )
    )


def writing_what_is_there(_, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    return error(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*"))


def in_days(days):
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)


def locked(s3, bucket):
    """A version that is locked for five days."""
    return s3.put_object(
        Bucket=bucket,
        Key="k",
        Body=b"1",
        ChecksumAlgorithm="SHA256",
        ChecksumSHA256=base64.b64encode(hashlib.sha256(b"1").digest()).decode(),
        ObjectLockMode="COMPLIANCE",
        ObjectLockRetainUntilDate=in_days(5),
    )["VersionId"]


def deleting_what_is_locked(_, s3, bucket):
    version = locked(s3, bucket)
    return error(lambda: s3.delete_object(Bucket=bucket, Key="k", VersionId=version))


def shortening_a_lock(_, s3, bucket):
    locked(s3, bucket)
    shorter = {"Mode": "COMPLIANCE", "RetainUntilDate": in_days(2)}
    return error(lambda: s3.put_object_retention(Bucket=bucket, Key="k", Retention=shorter))


def a_part_of_an_object(_, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    return s3.get_object(Bucket=bucket, Key="k", Range="bytes=2-4")["Body"].read()


def writing_again_after_a_delete_marker(_, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    s3.delete_object(Bucket=bucket, Key="k")
    return error(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*"))


# Each probe, AWS's answer, and moto's where it is another.
TABLE = [
    (block_size, 524_288, 512),
    (the_state_of_a_new_snapshot, "pending", SAME),
    (the_same_client_token, True, False),
    (a_wrong_checksum, "ValidationException", "accepted"),
    (a_short_block, "ValidationException", "accepted"),
    (a_block_outside_the_volume, "ValidationException", "accepted"),
    (a_block_after_the_end, "ValidationException", "accepted"),
    (another_count_at_the_end, "ValidationException", "accepted"),
    (the_order_of_a_listing, [2, 9], [9, 2]),
    (a_listing_from_a_block_on, [9], [2, 9]),
    (a_page_of_a_hundred, (100, True), (101, False)),
    (reading_a_pending_snapshot, "ValidationException", "accepted"),
    (a_block_by_another_s_token, "ValidationException", "accepted"),
    (a_block_and_its_checksum, (True, True, BLOCK_SIZE), SAME),
    (what_a_child_holds_of_its_parent, [0, 1], [1]),
    (what_changed, [1, 3], [0, 1]),
    (what_changed_between_strangers, "ValidationException", "accepted"),
    (an_unknown_snapshot, "ResourceNotFoundException", "KeyError"),
    (wrong_bytes, "BadDigest", "accepted"),
    (writing_what_is_there, "PreconditionFailed", SAME),
    (deleting_what_is_locked, "AccessDenied", SAME),
    (shortening_a_lock, "AccessDenied", "accepted"),
    (a_part_of_an_object, b"234", SAME),
    (writing_again_after_a_delete_marker, "accepted", SAME),
]


class Door:
    """One client for all, and a cloud for each."""

    cloud: Cloud

    def answer(self, request):
        return self.cloud.answer(request)


@pytest.fixture(scope="module")
def ours():
    door = Door()
    clients = [client(door, name) for name in ("ebs", "s3")]  # type: ignore[arg-type]
    return door, *clients


@pytest.fixture(scope="module")
def motos():
    with mock_aws():
        session = boto3.Session("testing", "testing", region_name="us-east-1")
        yield session.client("ebs"), session.client("s3")


ROWS = [pytest.param(*row, id=row[0].__name__) for row in TABLE]


@pytest.mark.parametrize(("probe", "aws", "moto"), ROWS)
def test_the_fake_answers_as_the_reference_says(ours, probe, aws, moto):
    door, ebs, s3 = ours
    door.cloud = Cloud()
    door.cloud.s3.create("a-bucket")
    assert probe(ebs, s3, "a-bucket") == aws


@pytest.mark.parametrize(("probe", "aws", "moto"), ROWS)
def test_moto_answers_as_the_table_says(motos, probe, aws, moto):
    ebs, s3 = motos
    bucket = probe.__name__.replace("_", "-")
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    assert probe(ebs, s3, bucket) == (aws if moto is SAME else moto)
