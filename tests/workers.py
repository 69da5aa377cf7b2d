"""How the workers of pytest-xdist share the suite: whole files, what takes longest first.

Begun last, a long file would run on while the other workers are idle. A new file needs no entry:
`make test` ends with its slowest tests, and a file that takes over 20 s belongs into LONG.
"""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# Folders whose files share a fixture that costs seconds: one worker runs them, one after another.
# Folders below them are not meant.
TOGETHER = (
    "tests/local/contract/",  # an emulator
    "tests/deployed/",  # production in an emulator
    "tests/service/",  # databases, AWS and processes of one machine
)

# Files, and folders of TOGETHER; the longest first.
LONG = (
    "tests/local/test_end_to_end.py",
    "tests/start/test_gates.py",
    "tests/start/test_without_make.py",
    "tests/local/contract/",
    "tests/deployed/",
    "tests/service/operations/test_killed.py",
    "tests/service/",
    "tests/local/test_wrong_use.py",
    "tests/service/operations/test_traps.py",
    "tests/service/operations/test_upgrade.py",
    "tests/upgrade/test_machine.py",
    "tests/start/test_migration.py",
    "tests/start/test_wrong_input.py",
    "tests/service/operations/test_lost.py",
    "tests/service/operations/test_rebuild.py",
    "tests/gameday/test_recover.py",
    "tests/backup/test_archive.py",
    "tests/edge/test_mutations.py",
)


class FileByFile(LoadScopeScheduling):
    """Gives a worker a whole unit whenever it is almost out of tests, in the collected order."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        config.option.loadscopereorder = False  # by the number of tests, which says nothing
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)


def unit(nodeid: str) -> str:
    """What one worker runs: the test's file, or its folder of TOGETHER."""
    file = nodeid.partition("::")[0]
    folder = f"{file.rpartition('/')[0]}/"
    return folder if folder in TOGETHER else file


def longest_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Those of LONG before all others; otherwise the order is kept."""
    place = {name: number for number, name in enumerate(LONG)}
    return sorted(items, key=lambda item: place.get(unit(item.nodeid), len(LONG)))


def made_once(shared: Path, name: str, make: Callable[[Path], None]) -> Path:
    """The folder `shared/name`, filled by `make` in the process that asks first; others wait.

    A `make` that raises leaves nothing, so that the next to ask tries again.
    """
    shared.mkdir(exist_ok=True)
    folder = shared / name
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # let go of when the file is closed
        if not folder.exists():
            unfinished = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=shared))
            make(unfinished)
            unfinished.rename(folder)
    return folder
