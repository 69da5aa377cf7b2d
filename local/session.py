"""The life of the local target on this machine: what runs, in which folder, for which endpoint."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from assembly.reader import Assembly
from local import databases, process
from local.emulator.server import Emulator
from local.target import LocalTarget, WrongUseError

ROOT = Path(__file__).parents[1]
AGENT_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class LocalSession:
    """One folder's target. Without `endpoint`, the emulator on `port` is started and ended here;
    with it, whatever answers there is used and left alone."""

    folder: Path
    port: int
    endpoint: str | None

    def target(self, account: str) -> LocalTarget:
        return LocalTarget(endpoint=self.url, account=account, folder=self.folder)

    @property
    def url(self) -> str:
        return self.endpoint or f"http://127.0.0.1:{self.port}"

    @cached_property
    def emulator(self) -> Emulator:
        return Emulator(folder=self.folder, port=self.port, account=self.account or "0" * 12)

    @property
    def authority(self) -> Path:
        """Return the certificate by which clients trust the load balancers: `curl --cacert`."""
        return self.emulator.authority

    @property
    def account(self) -> str | None:
        """Return the account of what was deployed last."""
        return self.state.get("account")

    @property
    def state(self) -> dict[str, Any]:
        try:
            return json.loads((self.folder / "state.json").read_text())
        except (OSError, json.JSONDecodeError):
            return {}

    def record(self, assembly: Assembly, environment: str) -> None:
        """Keep what the other commands need to know."""
        state = {
            "account": assembly.account,
            "regions": assembly.regions,
            "environment": environment,
            "endpoint": self.url,
        }
        (self.folder / "state.json").write_text(json.dumps(state, indent=2))

    def note(self, name: str, *, value: Any) -> None:
        """Keep one more fact, until the next deploy."""
        state = {**self.state, name: value}
        (self.folder / "state.json").write_text(json.dumps(state, indent=2))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Raises WrongUseError while another run works in the same folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise WrongUseError(
                    f"another run works in {self.folder}: wait for it, or interrupt it"
                ) from None
            yield

    def ensure_running(self, account: str) -> bool:
        """Start the emulator unless it runs. Returns whether it was started now.

        Raises EmulatorError or WrongUseError where that is impossible.
        """
        if self.endpoint is not None:
            if not _connects(self.endpoint):
                raise WrongUseError(f"'ENDPOINT' should answer, and nothing does at {self.url}")
            return False
        if self.emulator.pid is not None and self.emulator.answers():
            return False
        self.end()  # what an earlier run that was killed left behind
        Emulator(
            folder=self.folder, port=self.port, account=account, permissions=self._permissions
        ).start()
        return True

    @property
    def _permissions(self) -> str:
        return os.environ.get("LOCAL_IAM", "enforce")

    def refuse_unless_startable(self) -> None:
        """Raise EmulatorError where an emulator is to be started and cannot be."""
        if self.endpoint is None and self.emulator.pid is None:
            self.emulator.refuse_unless_startable()

    def running(self) -> bool:
        """Return whether there is something to talk to."""
        if self.endpoint is not None:
            return _connects(self.endpoint)
        return self.emulator.pid is not None and self.emulator.answers()

    def alive(self) -> Callable[[], bool]:
        """Return a cheap check of what is there now, to be asked again and again."""
        if self.endpoint is not None:
            return lambda: _connects(self.url)
        return self.emulator.alive()

    def ensure_processes(self, assembly: Assembly) -> None:
        """Start the background processes that run databases and tasks, unless they run so."""
        self._ensure("databases", assembly)
        self._ensure("ecs_agent", assembly, "--authority", str(self.authority))

    def _ensure(self, name: str, assembly: Assembly, *more: str) -> None:
        command = [sys.executable, "-m", f"local.{name}", "--endpoint", self.url]
        command += ["--account", assembly.account, "--folder", str(self.folder), *more]
        command += assembly.regions
        if (pid := self._pid(name)) is not None:
            running = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
            if [part.decode() for part in running] == command:
                return
            process.end([pid], grace=AGENT_SECONDS)
        child = process.start(
            command,
            folder=self.folder,
            log=self.folder / f"{name}.log",
            variables={"PATH": f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin"},
            cwd=ROOT,
        )
        (self.folder / f"{name}.pid").write_text(str(child.pid))

    @property
    def ecs_agent_pid(self) -> int | None:
        return self._pid("ecs_agent")

    def _pid(self, name: str) -> int | None:
        try:
            pid = int((self.folder / f"{name}.pid").read_text())
        except (OSError, ValueError):
            return None
        return pid if pid in process.marked(self.folder) else None

    def status(self) -> dict[str, Any]:
        """Return what the ECS agent wrote last; empty where none runs."""
        try:
            return json.loads((self.folder / "status.json").read_text())
        except (OSError, json.JSONDecodeError):
            return {}

    def end(self) -> int:
        """End every process of the folder. Returns how many there were."""
        ended = process.end_all(self.folder)
        databases.forget(self.folder)
        return ended


def _connects(endpoint: str) -> bool:
    parts = urlsplit(endpoint)
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((parts.hostname or "", parts.port or 0)) == 0
