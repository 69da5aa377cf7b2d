"""Writes a restored volume to a file or a device, past the page cache where that is possible."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import threading
from pathlib import Path

from .geometry import BLOCK_SIZE, ArchiveError

# Writing past the page cache (O_DIRECT) takes a tenth of the processor time, and leaves the
# machine's memory to others; not every file system knows it.
_DIRECT = getattr(os, "O_DIRECT", 0)


class Target:
    """An open file or device, from many threads at once."""

    def __init__(self, path: Path, flags: int) -> None:
        self._mine = threading.local()
        self._path = path
        try:
            self._file = os.open(path, flags | _DIRECT, 0o600)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            self._file = os.open(path, flags, 0o600)

    def buffer(self) -> memoryview:
        """This thread's block, at an address from which a device takes it."""
        if not hasattr(self._mine, "block"):
            self._mine.block = memoryview(mmap.mmap(-1, BLOCK_SIZE))
        return self._mine.block

    def resize(self, size: int) -> None:
        os.ftruncate(self._file, size)

    def write(self, index: int, block: memoryview) -> None:
        """Raises ArchiveError naming the block where it is not written whole."""
        try:
            written = self._write(index, block)
        except OSError as error:
            reason = f"{self._path}: {error.strerror}"
            raise ArchiveError(f"block {index} was not written: {reason}") from error
        if written != BLOCK_SIZE:
            raise ArchiveError(f"block {index} was not written whole: {self._path} is full")

    def _write(self, index: int, block: memoryview) -> int:
        try:
            return os.pwrite(self._file, block, index * BLOCK_SIZE)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
        fcntl.fcntl(self._file, fcntl.F_SETFL, 0)  # without O_DIRECT
        return os.pwrite(self._file, block, index * BLOCK_SIZE)

    def read(self, index: int, into: memoryview) -> int:
        """Bytes of the block that are there, into `into`."""
        return os.preadv(self._file, [into], index * BLOCK_SIZE)

    def sync(self) -> None:
        os.fsync(self._file)

    def close(self) -> None:
        os.close(self._file)
