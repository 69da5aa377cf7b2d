"""The EBS direct APIs with attempts, a pace and counters; no block is believed unverified."""

from __future__ import annotations

import base64
import hashlib
import threading

from functions.archive_format.geometry import BLOCK_SIZE
from functions.block_archive.attempts import Attempts
from functions.block_archive.counters import Counters
from functions.block_archive.errors import (
    ArchiveError,
    HiddenError,
    MissingError,
    RefusedError,
    TokenError,
    TransientError,
    UnrelatedError,
)
from functions.block_archive.pace import Pace
from functions.block_archive.source import BlockPage, Blocks, Description, Listed


class ReliableBlocks:
    """Wraps a snapshot service with retries and pace."""

    def __init__(self, blocks: Blocks, attempts: Attempts, pace: Pace, counters: Counters) -> None:
        self._blocks, self._attempts = blocks, attempts
        self._pace, self.counters = pace, counters
        self._mine = threading.local()

    def describe(self, snapshot: str) -> Description:
        """Return the snapshot as EC2 describes it. Raises MissingError or ArchiveError."""
        return self._attempts.call(snapshot, lambda: self._blocks.describe(snapshot))

    def list_blocks(self, snapshot: str, start: int, size: int, token: str | None) -> BlockPage:
        """A page of its allocated blocks."""

        def call() -> BlockPage:
            self.counters.add("list_requests")
            return self._blocks.list_blocks(snapshot, start, size, token)

        return self._attempts.call(f"listing {snapshot} from block {start}", call)

    def list_changed(
        self, first: str, second: str, start: int, size: int, token: str | None
    ) -> BlockPage:
        """A page of what differs in the second."""

        def call() -> BlockPage:
            self.counters.add("list_requests")
            return self._blocks.list_changed(first, second, start, size, token)

        return self._attempts.call(f"comparing {first} with {second} from block {start}", call)

    def fetch(self, snapshot: str, block: Listed) -> tuple[bytes, memoryview]:
        """SHA-256 and bytes of a block, which agree; the bytes are good until this thread fetches
        the next one. Raises ArchiveError naming the block."""
        assert block.token is not None
        token, renewed = block.token, False
        while True:
            try:
                return self._attempts.call(
                    f"block {block.index} of {snapshot}",
                    lambda token=token: self._get(snapshot, block.index, token),
                    pace=self._pace,
                    counted=lambda name: self.counters.add(f"get_{name}"),
                )
            except TokenError as error:  # seven days have passed since it was listed
                if renewed:
                    raise ArchiveError(f"block {block.index} of {snapshot}: {error}") from error
                token, renewed = self._fresh_token(snapshot, block.index), True
            except (MissingError, UnrelatedError) as error:
                raise ArchiveError(f"block {block.index} of {snapshot} is gone: {error}") from error

    def _get(self, snapshot: str, index: int, token: str) -> tuple[bytes, memoryview]:
        if not hasattr(self._mine, "block"):
            self._mine.block = memoryview(bytearray(BLOCK_SIZE))
        block = self._mine.block
        self.counters.add("get_requests")
        found = self._blocks.get(snapshot, index, token, block)
        if found.length != BLOCK_SIZE or found.received != BLOCK_SIZE:
            raise TransientError(f"{found.received} of {BLOCK_SIZE} bytes came")
        digest = hashlib.sha256(block).digest()
        if base64.b64encode(digest).decode() != found.checksum:
            raise TransientError("the bytes do not have the checksum that EBS gives")
        self.counters.add("blocks_fetched")
        return digest, block

    def start(
        self, *, volume_gib: int, client_token: str, description: str, kms_key: str | None
    ) -> str:
        """A new snapshot to write to; the same token finds the same one. Returns its id."""
        return self._attempts.call(
            "StartSnapshot",
            lambda: self._blocks.start(
                volume_gib=volume_gib,
                client_token=client_token,
                description=description,
                kms_key=kms_key,
            ),
        )

    def put(self, snapshot: str, index: int, data: memoryview, digest: bytes) -> None:
        """Write one block. Raises ArchiveError naming it."""
        checksum = base64.b64encode(digest).decode()

        def call() -> None:
            self.counters.add("put_block_requests")
            try:
                self._blocks.put(snapshot, index, data, checksum)
            except MissingError as error:
                # Everybody sees a new snapshot only after a while; EBS asks to wait and try again.
                raise HiddenError(str(error)) from error

        try:
            self._attempts.call(
                f"block {index} into {snapshot}",
                call,
                pace=self._pace,
                counted=lambda name: self.counters.add(f"put_block_{name}"),
            )
        except UnrelatedError as error:
            raise ArchiveError(f"{error}: EBS gave it up, begin again for a new one") from error
        self.counters.add("blocks_written")

    def complete(self, snapshot: str, count: int, linear: str) -> None:
        """Complete the snapshot. Raises ArchiveError where EBS counts or sums otherwise."""
        try:
            self._attempts.call(
                f"CompleteSnapshot {snapshot}",
                lambda: self._blocks.complete(snapshot, count, linear),
            )
        except (UnrelatedError, RefusedError) as error:
            if self.state(snapshot) != "completed":  # by an attempt whose answer was lost
                raise ArchiveError(str(error)) from error

    def state(self, snapshot: str) -> str:
        """pending, completed or error; unknown where there is no EC2 to ask."""
        try:
            return self._attempts.call(snapshot, lambda: self._blocks.state(snapshot))
        except (MissingError, RefusedError):
            return "unknown"

    def _fresh_token(self, snapshot: str, index: int) -> str:
        try:
            page = self.list_blocks(snapshot, index, 100, None)
        except (MissingError, UnrelatedError) as error:
            raise ArchiveError(f"block {index} of {snapshot} is gone: {error}") from error
        token = next((b.token for b in page.blocks if b.index == index), None)
        if token is None:
            raise ArchiveError(f"block {index} of {snapshot} is no longer listed")
        return token
