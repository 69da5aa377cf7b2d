"""The six operations of the EBS direct APIs, with every rule that their reference states."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta

from doubles.ebs_direct.http import Response, ServiceError, SignedRequest
from doubles.ebs_direct.tokens import Tokens
from doubles.ebs_direct.volumes import BLOCK_SIZE, BLOCKS_PER_GIB, Block, BlockSnapshot

_BLOCK = re.compile(r"/snapshots/([^/]+)/blocks/(\d+)")
_LIST = re.compile(r"/snapshots/([^/]+)/(blocks|changedblocks)")
_COMPLETE = re.compile(r"/snapshots/completion/([^/]+)")


class EbsDirect:
    """Snapshots by id, and the calls on them. `page_cap` makes pages shorter than asked for;
    `empty_pages` answers every other page empty, with a token, as the service may."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.snapshots: dict[str, BlockSnapshot] = {}
        self.tokens = Tokens(clock)
        self.page_cap = 10_000
        self.empty_pages = False
        self.visible_after = timedelta(0)  # how long a started snapshot is unknown to other calls
        self._started: dict[str, tuple[str, str]] = {}  # ClientToken: parameters, snapshot id

    def add(self, snapshot: BlockSnapshot) -> BlockSnapshot:
        """Hold a snapshot that exists."""
        self.snapshots[snapshot.id] = snapshot
        return snapshot

    def operation(self, request: SignedRequest) -> tuple[str, Callable[[SignedRequest], Response]]:
        """Return the name of the call and its function."""
        method, path = request.method, request.path
        if method == "POST" and path == "/snapshots":
            return "StartSnapshot", self._start
        if method == "POST" and _COMPLETE.fullmatch(path):
            return "CompleteSnapshot", self._complete
        if _BLOCK.fullmatch(path) and method in ("GET", "PUT"):
            if method == "GET":
                return "GetSnapshotBlock", self._get
            return "PutSnapshotBlock", self._put
        listed = _LIST.fullmatch(path)
        if method == "GET" and listed:
            if listed.group(2) == "blocks":
                return "ListSnapshotBlocks", self._list
            return "ListChangedBlocks", self._list_changed
        raise ServiceError(404, "UnknownOperationException", f"no operation {method} {path}")

    # ------------------------------------------------------------------------------ reading

    def _get(self, request: SignedRequest) -> Response:
        name, index = self._block_of(request)
        snapshot = self._readable(name)
        token = request.query.get("blockToken", "")
        self.tokens.check_block(token, snapshot.id, index)
        block = snapshot.blocks.get(index)
        if block is None:
            raise ServiceError(404, "ResourceNotFoundException", f"block {index} is not allocated")
        return Response(
            status=200,
            headers={
                "content-type": "application/octet-stream",
                "x-amz-data-length": str(BLOCK_SIZE),
                "x-amz-checksum": base64.b64encode(block.digest).decode(),
                "x-amz-checksum-algorithm": "SHA256",
            },
            body=block.data(),
        )

    def _list(self, request: SignedRequest) -> Response:
        snapshot = self._readable(self._listed(request))
        indexes = sorted(snapshot.blocks)
        page, following = self._page(request, snapshot.id, indexes)
        blocks = [
            {"BlockIndex": index, "BlockToken": self.tokens.block(snapshot.id, index)}
            for index in page
        ]
        return self._listing(snapshot, "Blocks", blocks, following)

    def _list_changed(self, request: SignedRequest) -> Response:
        second = self._readable(self._listed(request))
        first_id = request.query.get("firstSnapshotId")
        if first_id is None:  # compared with nothing: every block is new
            first_blocks: dict[int, Block] = {}
        else:
            first = self._readable(first_id)
            if first.lineage != second.lineage:
                raise ServiceError(
                    400, "ValidationException", "snapshots are not related", "UNRELATED_SNAPSHOTS"
                )
            first_blocks = first.blocks
        changed = sorted(
            index
            for index in first_blocks.keys() | second.blocks.keys()
            if first_blocks.get(index) is not second.blocks.get(index)
        )
        page, following = self._page(request, f"{first_id}>{second.id}", changed)
        blocks = []
        for index in page:
            entry: dict[str, object] = {"BlockIndex": index}
            if index in first_blocks:
                entry["FirstBlockToken"] = self.tokens.block(str(first_id), index)
            if index in second.blocks:
                entry["SecondBlockToken"] = self.tokens.block(second.id, index)
            blocks.append(entry)
        return self._listing(second, "ChangedBlocks", blocks, following)

    def _page(
        self, request: SignedRequest, subject: str, indexes: list[int]
    ) -> tuple[list[int], str]:
        """This page's indexes and the token of the next page, or an empty one."""
        wanted = int(request.query.get("maxResults", "100"))
        if not 100 <= wanted <= 10_000:
            raise ServiceError(400, "ValidationException", "MaxResults is 100 to 10000")
        token = request.query.get("pageToken")
        start, empty = int(request.query.get("startingBlockIndex", "0")), False
        if token:  # it wins over StartingBlockIndex
            start, empty = self.tokens.read_page(token, subject)
        rest = [index for index in indexes if index >= start]
        if self.empty_pages and rest and not empty:
            return [], self.tokens.page(subject, start, answered_empty=True)
        page = rest[: min(wanted, self.page_cap)]
        if len(page) == len(rest):
            return page, ""
        return page, self.tokens.page(subject, page[-1] + 1, answered_empty=False)

    def _listing(
        self, snapshot: BlockSnapshot, name: str, blocks: list[dict[str, object]], following: str
    ) -> Response:
        expiry = self.clock() + timedelta(days=7)
        answer: dict[str, object] = {
            name: blocks,
            "ExpiryTime": expiry.timestamp(),
            "VolumeSize": snapshot.volume_gib,
            "BlockSize": BLOCK_SIZE,
        }
        if following:
            answer["NextToken"] = following
        return _json(200, answer)

    # ------------------------------------------------------------------------------ writing

    def _start(self, request: SignedRequest) -> Response:
        asked = json.loads(request.body)
        token = str(asked.get("ClientToken") or "")
        same = json.dumps({k: v for k, v in asked.items() if k != "ClientToken"}, sort_keys=True)
        if token in self._started:
            parameters, known = self._started[token]
            if parameters != same:
                raise ServiceError(409, "ConflictException", "ClientToken with other parameters")
            return self._started_answer(self.snapshots[known])
        snapshot = self._new(asked)
        self.add(snapshot)
        if token:
            self._started[token] = (same, snapshot.id)
        return self._started_answer(snapshot)

    def _new(self, asked: dict[str, object]) -> BlockSnapshot:
        size, parent_id = int(str(asked.get("VolumeSize", 0))), asked.get("ParentSnapshotId")
        if not 1 <= size <= 65_536:
            raise ServiceError(400, "ValidationException", f"VolumeSize {size} is not 1 to 65536")
        timeout = int(str(asked.get("Timeout") or 60))
        if not 10 <= timeout <= 4_320:
            raise ServiceError(400, "ValidationException", f"Timeout {timeout} is not 10 to 4320")
        if parent_id and asked.get("Encrypted") is not None:
            raise ServiceError(400, "ValidationException", "ParentSnapshotId excludes Encrypted")
        parent = self._readable(str(parent_id)) if parent_id else None
        now, number = self.clock(), len(self.snapshots) + 1
        snapshot_id = f"snap-{0xF000_0000_0000_0000 + number:016x}f"
        return BlockSnapshot(
            id=snapshot_id,
            volume_id="vol-ffffffff",
            lineage=parent.lineage if parent else snapshot_id,
            volume_gib=size,
            blocks=dict(parent.blocks) if parent else {},
            started=now,
            status="pending",
            encrypted=bool(asked.get("Encrypted")) or bool(parent and parent.encrypted),
            kms_key=str(asked["KmsKeyArn"]) if asked.get("KmsKeyArn") else None,
            parent=str(parent_id) if parent_id else None,
            description=str(asked.get("Description") or ""),
            timeout_minutes=timeout,
            last_used=now,
            visible_from=now + self.visible_after,
        )

    def _started_answer(self, snapshot: BlockSnapshot) -> Response:
        return _json(
            201,
            {
                "SnapshotId": snapshot.id,
                "Status": snapshot.status,
                "VolumeSize": snapshot.volume_gib,
                "BlockSize": BLOCK_SIZE,
                "StartTime": snapshot.started.timestamp(),
                "OwnerId": "111122223333",
            },
        )

    def _put(self, request: SignedRequest) -> Response:
        name, index = self._block_of(request)
        snapshot = self._writable(name)
        if index >= snapshot.volume_gib * BLOCKS_PER_GIB:
            raise ServiceError(400, "ValidationException", f"block {index} is outside the volume")
        length = request.headers.get("x-amz-data-length")
        if length != str(BLOCK_SIZE) or len(request.body) != BLOCK_SIZE:
            raise ServiceError(400, "ValidationException", f"data of {length} bytes", "INVALID")
        if request.headers.get("x-amz-checksum-algorithm") != "SHA256":
            raise ServiceError(400, "ValidationException", "ChecksumAlgorithm is SHA256")
        block = Block(request.body)
        checksum = base64.b64encode(block.digest).decode()
        if request.headers.get("x-amz-checksum") != checksum:
            raise ServiceError(400, "ValidationException", "checksum", "INVALID_CONTENT_CHECKSUM")
        snapshot.blocks[index] = block
        snapshot.written.add(index)
        return Response(
            status=201,
            headers={"x-amz-checksum": checksum, "x-amz-checksum-algorithm": "SHA256"},
        )

    def _complete(self, request: SignedRequest) -> Response:
        found = _COMPLETE.fullmatch(request.path)
        assert found is not None
        snapshot = self._known(found.group(1))
        if snapshot.status == "completed":
            return _json(202, {"Status": "completed"})
        self._writable(snapshot.id)
        count = int(request.headers.get("x-amz-changedblockscount", "-1"))
        if count != len(snapshot.written):
            raise ServiceError(
                400, "ValidationException", f"{count} blocks changed, not {len(snapshot.written)}"
            )
        checksum = request.headers.get("x-amz-checksum")
        if checksum is not None:
            linear = hashlib.sha256()
            for index in sorted(snapshot.written):
                linear.update(snapshot.blocks[index].digest)
            if base64.b64encode(linear.digest()).decode() != checksum:
                raise ServiceError(400, "ValidationException", "aggregate checksum differs")
        snapshot.status = "completed"
        return _json(202, {"Status": "pending"})

    # ------------------------------------------------------------------------------ finding

    def _known(self, name: str) -> BlockSnapshot:
        snapshot = self.snapshots.get(name)
        if snapshot is None or self.clock() < snapshot.visible_from:
            raise ServiceError(
                404,
                "ResourceNotFoundException",
                f"The snapshot '{name}' does not exist.",
                "SNAPSHOT_NOT_FOUND",
            )
        return snapshot

    def _readable(self, name: str) -> BlockSnapshot:
        snapshot = self._known(name)
        if snapshot.status != "completed" or snapshot.tier != "standard":
            raise ServiceError(
                400,
                "ValidationException",
                f"snapshot is {snapshot.status}, {snapshot.tier}",
                "INVALID_SNAPSHOT",
            )
        return snapshot

    def _writable(self, name: str) -> BlockSnapshot:
        snapshot, now = self._known(name), self.clock()
        idle = now - snapshot.last_used
        if snapshot.status == "pending" and idle > timedelta(minutes=snapshot.timeout_minutes):
            snapshot.status = "error"
        if snapshot.status != "pending":
            raise ServiceError(
                400, "ValidationException", f"snapshot is {snapshot.status}", "INVALID_SNAPSHOT"
            )
        snapshot.last_used = now
        return snapshot

    def _block_of(self, request: SignedRequest) -> tuple[str, int]:
        found = _BLOCK.fullmatch(request.path)
        assert found is not None
        return found.group(1), int(found.group(2))

    def _listed(self, request: SignedRequest) -> str:
        found = _LIST.fullmatch(request.path)
        assert found is not None
        return found.group(1)


def _json(status: int, answer: dict[str, object]) -> Response:
    return Response(
        status=status,
        headers={"content-type": "application/json"},
        body=json.dumps(answer).encode(),
    )
