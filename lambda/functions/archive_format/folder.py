"""A plain copy of the bucket, in a folder of any machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .geometry import ArchiveError


class Folder:
    """The bucket's files under one folder, with the keys as paths."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise ArchiveError(f"'folder' should be a copy of the bucket, got '{folder}'")
        self._folder = folder

    def get(self, key: str) -> bytes:
        """The whole file. Raises ArchiveError where there is none."""
        try:
            return (self._folder / key).read_bytes()
        except OSError as error:
            raise ArchiveError(f"{key} is missing: {error.strerror}") from error

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`. Raises ArchiveError where there is no file."""
        try:
            with (self._folder / key).open("rb") as file:
                file.seek(offset)
                return file.read(length)
        except OSError as error:
            raise ArchiveError(f"{key} is missing: {error.strerror}") from error

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield every key with this prefix, in order."""
        start = self._folder / prefix.rpartition("/")[0]
        found = (path.relative_to(self._folder) for path in start.rglob("*") if path.is_file())
        return iter(sorted(str(path) for path in found if str(path).startswith(prefix)))
