"""The load's processes, from their start to the last answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

from gameday.upgrade.attempts import KINDS, Attempt, Growing
from gameday.upgrade.client import LoadPlan, Rates
from gameday.upgrade.target import UpgradeTarget
from local import process

ROOT = Path(__file__).parents[2]
# From the stop to the last line: a client's timeout for one request, and a moment.
_STOP_SECONDS = 10.0


class ClientError(RuntimeError):
    """A client ended by itself; the message ends with what it printed."""


class LoadClients:
    """Started with the block and ended with it. `look` returns what came since the last look.

    `rates` are those of all clients together, in attempts a second.
    """

    def __init__(
        self,
        target: UpgradeTarget,
        *,
        rates: Rates,
        clients: int,
        folder: Path,
        mark: Path,
        timeout_seconds: float,
    ) -> None:
        """`folder` gets plans and attempts; `mark` is the local target's that they belong to."""
        self._folder, self._mark, self._timeout = folder, mark, timeout_seconds
        self._plans = {}
        for number in range(clients):
            plan = LoadPlan(
                number=number,
                clients=clients,
                rates=Rates(
                    login=rates.login / clients,
                    check=rates.check / clients,
                    write=rates.write / clients,
                    audit=rates.audit / clients,
                ),
                seed="an upgrade",
                timeout_seconds=timeout_seconds,
                file=str(folder / f"attempts-{number}.jsonl"),
            )
            self._plans[plan.file] = plan.to_json(target)
        self._growing = Growing(Path(file) for file in self._plans)
        self._children: list[subprocess.Popen[bytes]] = []
        self.attempts: list[Attempt] = []

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        for file, plan in self._plans.items():
            path = Path(file)
            path.unlink(missing_ok=True)
            path.with_suffix(".plan.json").write_text(plan)
            self._children.append(
                process.start(
                    [
                        sys.executable,
                        "-m",
                        "gameday.upgrade.client",
                        f"{path.with_suffix('')}.plan.json",
                    ],
                    folder=self._mark,
                    log=self._log(path),
                    variables={"PATH": os.environ.get("PATH", os.defpath)},
                    cwd=ROOT,
                )
            )
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            if child.poll() is None:
                child.kill()
            child.wait()

    def look(self) -> list[Attempt]:
        """New attempts, of every client. Raises ClientError where one has ended by itself."""
        for file, child in zip(self._plans, self._children, strict=True):
            if child.poll() is not None:
                raise ClientError(
                    f"a client ended with {child.returncode}:\n"
                    f"{self._log(Path(file)).read_text()[-2000:]}"
                )
        return self._more()

    def stop(self) -> list[Attempt]:
        """Begin nothing more, wait for what is under way; the last attempts."""
        for child in self._children:
            child.send_signal(signal.SIGTERM)
        for child in self._children:
            child.wait(timeout=self._timeout + _STOP_SECONDS)
        return self._more()

    def _more(self) -> list[Attempt]:
        found = list(self._growing.more())
        assert all(each.kind in KINDS for each in found)
        self.attempts += found
        return found

    def _log(self, file: Path) -> Path:
        return file.with_suffix(".log")
