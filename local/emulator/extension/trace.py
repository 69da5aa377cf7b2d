"""Finds the properties of a template that no handler reads, and so drops in silence.

With MAINSTAY_TRACE set to a file, every property that a create handler is given is watched, at any
depth, and the file lists per type what stayed unread. A value of which no part was read counts as
kept whole; one of which some parts were read has dropped the others.
"""

from __future__ import annotations

import copy
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local.emulator.extension import inside

_FILE = "MAINSTAY_TRACE"


def install() -> None:
    """Watch every type's create handler, where the variable asks for it."""
    if _FILE in os.environ:
        report = _Report(Path(os.environ[_FILE]))
        for name, handler in inside.handlers().items():
            if "create" in handler:
                handler["create"] = _watching(report, name, handler["create"])


class _Report:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._unread: dict[str, set[str]] = {}

    def add(self, name: str, unread: set[str]) -> None:
        with self._lock:
            self._unread.setdefault(name, set()).update(unread)
            dropped = {name: sorted(paths) for name, paths in sorted(self._unread.items()) if paths}
            self._file.write_text(json.dumps(dropped, indent=1))


def _watching(report: _Report, name: str, create: Any) -> Any:
    def created(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        seen: set[str] = set()
        made = create(logical_id, _Watched(properties, "", seen), stack)
        report.add(name, set(_dropped(properties, "", seen)))
        return made

    return created


def _dropped(value: Any, path: str, seen: set[str]) -> Iterator[str]:
    """Yield the paths that were not read although their neighbours, or nothing above them, were."""
    if isinstance(value, dict):
        paths = {key: f"{path}.{key}" if path else key for key in value}
        entered = not path or any(
            any(read == child or read.startswith((f"{child}.", f"{child}[")) for read in seen)
            for child in paths.values()
        )
        if entered:
            for key, child in paths.items():
                if child not in seen:
                    yield child
                else:
                    yield from _dropped(value[key], child, seen)
    elif isinstance(value, list):
        for item in value:
            yield from _dropped(item, f"{path}[]", seen)


def _watch(value: Any, path: str, seen: set[str]) -> Any:
    if isinstance(value, dict):
        return _Watched(value, path, seen)
    if isinstance(value, list):
        return _WatchedList(value, path, seen)
    return value


class _Watched(dict):
    """A dictionary that notes which of its keys were asked for."""

    def __init__(self, data: dict[str, Any], path: str, seen: set[str]) -> None:
        super().__init__(data)
        self._path, self._seen = path, seen

    def _read(self, key: Any) -> Any:
        path = f"{self._path}.{key}" if self._path else str(key)
        self._seen.add(path)
        return _watch(super().__getitem__(key), path, self._seen)

    def __getitem__(self, key: Any) -> Any:
        return self._read(key)

    def get(self, key: Any, default: Any = None) -> Any:
        return self._read(key) if key in self else default

    def pop(self, key: Any, *default: Any) -> Any:
        value = self._read(key) if key in self else None
        popped = super().pop(key, *default)
        return popped if value is None else value

    def items(self) -> Any:
        return [(key, self._read(key)) for key in dict.keys(self)]

    def values(self) -> Any:
        return [self._read(key) for key in dict.keys(self)]

    def __iter__(self) -> Iterator[Any]:  # without it, dict(x) and {**x} would not be seen
        return super().__iter__()

    def copy(self) -> dict[str, Any]:
        return dict(self.items())

    def __deepcopy__(self, memo: Any) -> Any:
        return _Watched(copy.deepcopy(dict(dict.items(self)), memo), self._path, self._seen)


class _WatchedList(list):
    """A list whose items are watched."""

    def __init__(self, data: list[Any], path: str, seen: set[str]) -> None:
        super().__init__(data)
        self._path, self._seen = path, seen

    def __iter__(self) -> Iterator[Any]:
        return (_watch(item, f"{self._path}[]", self._seen) for item in super().__iter__())

    def __getitem__(self, index: Any) -> Any:
        return _watch(super().__getitem__(index), f"{self._path}[]", self._seen)

    def __deepcopy__(self, memo: Any) -> Any:
        return _WatchedList(copy.deepcopy(list(super().__iter__()), memo), self._path, self._seen)
