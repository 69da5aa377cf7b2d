"""The EBS direct APIs through boto3: the default transport."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functions.block_archive.errors import from_botocore
from functions.block_archive.source import BlockPage, Description, Fetched, Listed

_PART = 131_072  # bytes of a body at once: small enough to be given the same memory again


class BotocoreBlocks:
    """Clients must not try again by themselves: `attempts` does."""

    def __init__(self, ebs: Any, ec2: Any) -> None:
        self._ebs, self._ec2 = ebs, ec2

    def describe(self, snapshot: str) -> Description:
        """Return the snapshot as EC2 describes it. Raises an error of `errors`."""
        with from_botocore(f"DescribeSnapshots {snapshot}"):
            found = self._ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]
        return Description(
            snapshot_id=snapshot,
            volume_id=found["VolumeId"],
            volume_gib=found["VolumeSize"],
            started=found["StartTime"].strftime("%Y-%m-%dT%H:%M:%SZ"),
            encrypted=found.get("Encrypted", False),
            kms_key=found.get("KmsKeyId"),
            region=self._ec2.meta.region_name,
            account=found.get("OwnerId", ""),
            tags={tag["Key"]: tag["Value"] for tag in found.get("Tags", [])},
        )

    def state(self, snapshot: str) -> str:
        """pending, completed or error."""
        with from_botocore(f"DescribeSnapshots {snapshot}"):
            return self._ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["State"]

    def list_blocks(self, snapshot: str, start: int, size: int, token: str | None) -> BlockPage:
        """A page of its allocated blocks."""
        more = {"NextToken": token} if token else {}
        with from_botocore(f"ListSnapshotBlocks {snapshot}"):
            page = self._ebs.list_snapshot_blocks(
                SnapshotId=snapshot, StartingBlockIndex=start, MaxResults=size, **more
            )
        return _page(page, [Listed(b["BlockIndex"], b["BlockToken"]) for b in page["Blocks"]])

    def list_changed(
        self, first: str, second: str, start: int, size: int, token: str | None
    ) -> BlockPage:
        """A page of what differs in the second."""
        more = {"NextToken": token} if token else {}
        with from_botocore(f"ListChangedBlocks {first} {second}"):
            page = self._ebs.list_changed_blocks(
                FirstSnapshotId=first,
                SecondSnapshotId=second,
                StartingBlockIndex=start,
                MaxResults=size,
                **more,
            )
        changed = page["ChangedBlocks"]
        return _page(page, [Listed(b["BlockIndex"], b.get("SecondBlockToken")) for b in changed])

    def get(self, snapshot: str, index: int, token: str, into: memoryview) -> Fetched:
        """Read one block."""
        with from_botocore(f"block {index} of {snapshot}"):
            answer = self._ebs.get_snapshot_block(
                SnapshotId=snapshot, BlockIndex=index, BlockToken=token
            )
            received = filled(answer["BlockData"].read, into)
        return Fetched(received, answer["Checksum"], answer["DataLength"])

    def start(
        self, *, volume_gib: int, client_token: str, description: str, kms_key: str | None
    ) -> str:
        """A new snapshot to write to. Returns its id."""
        key = {"Encrypted": True, "KmsKeyArn": kms_key} if kms_key else {}
        with from_botocore("StartSnapshot"):
            return self._ebs.start_snapshot(
                VolumeSize=volume_gib,
                ClientToken=client_token,
                Description=description,
                Timeout=4320,  # minutes without a call before EBS gives it up; its longest
                **key,
            )["SnapshotId"]

    def put(self, snapshot: str, index: int, data: memoryview, checksum: str) -> None:
        """Write one block."""
        with from_botocore(f"block {index} into {snapshot}"):
            self._ebs.put_snapshot_block(
                SnapshotId=snapshot,
                BlockIndex=index,
                BlockData=bytes(data),
                DataLength=len(data),
                Checksum=checksum,
                ChecksumAlgorithm="SHA256",
            )

    def complete(self, snapshot: str, count: int, linear: str) -> None:
        """Complete the snapshot."""
        with from_botocore(f"CompleteSnapshot {snapshot}"):
            self._ebs.complete_snapshot(
                SnapshotId=snapshot,
                ChangedBlocksCount=count,
                Checksum=linear,
                ChecksumAlgorithm="SHA256",
                ChecksumAggregationMethod="LINEAR",
            )


def filled(read: Callable[[int], bytes], into: memoryview) -> int:
    """Read to the end, into a buffer as far as it goes. Returns how many bytes there were."""
    at = 0
    while part := read(_PART):
        kept = into[at : at + len(part)]
        kept[:] = part[: len(kept)]
        at += len(part)
    return at


def _page(answer: dict[str, Any], blocks: list[Listed]) -> BlockPage:
    return BlockPage(
        blocks=blocks,
        next_token=answer.get("NextToken"),
        volume_gib=answer["VolumeSize"],
        block_size=answer["BlockSize"],
    )
