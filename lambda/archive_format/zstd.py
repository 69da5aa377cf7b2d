"""zstd by whatever the machine has: Python 3.14, its backport, or the `zstd` program."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable
from typing import Any

from archive_format.geometry import ArchiveError

_made = threading.local()


def _library() -> Any:
    try:
        from compression import zstd  # type: ignore[import-not-found] # Python 3.14
    except ImportError:
        try:
            from backports import zstd
        except ImportError:
            return None
    return zstd


_ZSTD = _library()


def compress(data: bytes, level: int) -> bytes:
    """One frame with the content's size and its XXH64 checksum. Level -7 to 22."""
    if _ZSTD is None:
        raise ArchiveError("zstd is missing: use Python 3.14, or install backports.zstd")
    compressors = _made.__dict__.setdefault("compressors", {})
    compressor = compressors.get(level)
    if compressor is None:
        parameter = _ZSTD.CompressionParameter
        options = {parameter.compression_level: level, parameter.checksum_flag: 1}
        compressor = compressors[level] = _ZSTD.ZstdCompressor(options=options)
    return compressor.compress(data, mode=compressor.FLUSH_FRAME)


def _with_library(frame: bytes) -> bytes:
    try:
        return _ZSTD.decompress(frame)
    except _ZSTD.ZstdError as error:
        raise ArchiveError(f"a zstd frame is damaged: {error}") from error


def _with_program(frame: bytes) -> bytes:
    done = subprocess.run(["zstd", "-dcq"], input=frame, capture_output=True, check=False)
    if done.returncode:
        raise ArchiveError(f"a zstd frame is damaged: {done.stderr.decode().strip()}")
    return done.stdout


def _with_nothing(_: bytes) -> bytes:
    raise ArchiveError("zstd is missing: use Python 3.14, or install the program `zstd`")


def decoders() -> dict[str, Callable[[bytes], bytes]]:
    """What can decode here, the fastest first."""
    found: dict[str, Callable[[bytes], bytes]] = {}
    if _ZSTD is not None:
        found["library"] = _with_library
    if shutil.which("zstd"):
        found["program"] = _with_program
    found["none"] = _with_nothing
    return found


DECODER, decompress = next(iter(decoders().items()))
