"""Runs a page's commands literally, in the order of the page, and writes what came of it."""

from __future__ import annotations

import fcntl
import json
import re
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.runbooks.pages import ROOT, RunbookPage

RESULTS = ROOT / "out" / "runbooks.json"


@dataclass(frozen=True)
class Ran:
    """A command that has ended."""

    command: str
    exit_code: int
    output: str

    @property
    def answer(self) -> Any:
        """Return what an operation printed behind `answer:`, as a person reads it."""
        [found] = re.findall(r"^answer: (.*)$", self.output, re.MULTILINE)
        try:
            return json.loads(found)
        except ValueError:
            return found


# Runs the words of one command, and returns its exit code and all that it printed.
Shell = Callable[[list[str]], tuple[int, str]]


@dataclass
class PageRun:
    """A page whose commands are run one after the other; `values` fill its named values."""

    page: RunbookPage
    shell: Shell
    values: dict[str, str] = field(default_factory=dict)
    ran: list[Ran] = field(default_factory=list)
    seconds: float = 0.0

    def next(self, *, exit_code: int = 0, **values: str) -> Ran:
        """Run the page's next command, with more of its named values."""
        self.values.update(values)
        command = self.page.commands[len(self.ran)]
        for name, value in self.values.items():
            command = command.replace(f"<{name}>", value)
        assert not re.search(r"<[a-z_]+>", command), f"no value for {command}"
        began = time.monotonic()
        code, output = self.shell(shlex.split(command))
        self.seconds += time.monotonic() - began
        found = Ran(command, code, output)
        self.ran.append(found)
        assert code == exit_code, f"{command}\nended with {code}:\n{output}"
        return found

    @property
    def is_whole(self) -> bool:
        return len(self.ran) == len(self.page.commands)


def record(run: PageRun, *, passed: bool) -> None:
    """Write one page's row; other processes of the suite write theirs beside it."""
    RESULTS.parent.mkdir(exist_ok=True)
    with Path(f"{RESULTS}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            rows = {row["page"]: row for row in json.loads(RESULTS.read_text())}
        except (OSError, ValueError):
            rows = {}
        rows[run.page.name] = {
            "page": run.page.name,
            "commands": [each.command for each in run.ran],
            "seconds": round(run.seconds, 1),
            "passed": passed,
        }
        RESULTS.write_text(json.dumps([rows[name] for name in sorted(rows)], indent=2) + "\n")
