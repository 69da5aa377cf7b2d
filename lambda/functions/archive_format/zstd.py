"""zstd by whatever the machine has: Python 3.14, its backport, or the `zstd` program.

A frame is decoded in slices: an output that the library grows by itself costs more processor time
in fresh pages of memory than the decoding does. It is made in one call, with a quarter less of it
than in slices.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable
from typing import Any

from .geometry import ArchiveError

_SLICE = 32_768  # bytes; what Python's output buffer holds before it has to copy
_made = threading.local()

Buffer = bytes | bytearray | memoryview


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


def compress(data: Buffer, level: int) -> bytes:
    """Return one frame with the content's size and its XXH64 checksum; level is -7 to 22."""
    if _ZSTD is None:
        raise ArchiveError("zstd is missing: use Python 3.14, or install backports.zstd")
    compressors = _made.__dict__.setdefault("compressors", {})
    compressor = compressors.get(level)
    if compressor is None:
        parameter = _ZSTD.CompressionParameter
        options = {parameter.compression_level: level, parameter.checksum_flag: 1}
        compressor = compressors[level] = _ZSTD.ZstdCompressor(options=options)
    return compressor.compress(data, compressor.FLUSH_FRAME)


def _with_library(frame: Buffer) -> bytes:
    try:
        return _ZSTD.decompress(frame)
    except _ZSTD.ZstdError as error:
        raise ArchiveError(f"a zstd frame is damaged: {error}") from error


def _into_with_library(frame: Buffer, target: memoryview) -> int:
    decompressor, at, rest = _ZSTD.ZstdDecompressor(), 0, frame
    try:
        while not decompressor.eof:
            part = decompressor.decompress(rest, _SLICE)
            if at + len(part) > len(target):
                raise ArchiveError(f"a zstd frame holds more than {len(target)} bytes")
            if not part and not decompressor.eof and decompressor.needs_input:
                raise ArchiveError("a zstd frame is cut short")
            target[at : at + len(part)] = part
            at, rest = at + len(part), b""
    except _ZSTD.ZstdError as error:
        raise ArchiveError(f"a zstd frame is damaged: {error}") from error
    return at


def _with_program(frame: Buffer) -> bytes:
    done = subprocess.run(["zstd", "-dcq"], input=bytes(frame), capture_output=True, check=False)
    if done.returncode:
        raise ArchiveError(f"a zstd frame is damaged: {done.stderr.decode().strip()}")
    return done.stdout


def _into_with_program(frame: Buffer, target: memoryview) -> int:
    content = _with_program(frame)
    if len(content) > len(target):
        raise ArchiveError(f"a zstd frame holds more than {len(target)} bytes")
    target[: len(content)] = content
    return len(content)


def _with_nothing(_: Buffer, __: memoryview | None = None) -> Any:
    raise ArchiveError("zstd is missing: use Python 3.14, or install the program `zstd`")


Decoder = tuple[Callable[[Buffer], bytes], Callable[[Buffer, memoryview], int]]


def decoders() -> dict[str, Decoder]:
    """Yield the decoders of this machine, fastest first: into bytes, and into a buffer."""
    found: dict[str, Decoder] = {}
    if _ZSTD is not None:
        found["library"] = (_with_library, _into_with_library)
    if shutil.which("zstd"):
        found["program"] = (_with_program, _into_with_program)
    found["none"] = (_with_nothing, _with_nothing)
    return found


DECODER, (decompress, decompress_into) = next(iter(decoders().items()))
