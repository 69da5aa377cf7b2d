"""One task of ECS as processes of this machine, from its start to its end."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from local import databases, images, process, releases
from local.desired_state import Container, Task
from local.target import LocalTarget
from local.task_credentials import NoCredentialsError, TaskCredentials
from local.waiting import last_lines

State = Literal["starting", "serving", "failed", "ended", "stopping", "gone"]

# A process that ends is started again after 1 s, 2 s, 4 s ... at most this long after its end.
_LONGEST_PAUSE = 30

# The endpoints of clusters; a server of this machine stands for each, a moment after its stack.
_ENDPOINT = re.compile(r"[\w.-]+\.rds\.amazonaws\.com")


class NotThereYetError(RuntimeError):
    """What the task connects to does not listen yet; it is tried again."""


class RunningTask:
    """The processes of a task, one per container; moved on by `advance`, which never waits."""

    def __init__(
        self,
        task: Task,
        *,
        target: LocalTarget,
        authority: Path,
        address: Callable[[str], str],
        credentials: TaskCredentials,
    ) -> None:
        self.task = task
        self.address = _free_address(self.ports)
        self.state: State = "starting"
        self.restarts = 0
        self.problem = ""
        self._target, self._authority, self._address = target, authority, address
        self._credentials = credentials
        self._folder = target.folder / "tasks" / task.id
        self._programs: dict[str, images.Program] = {}
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._again = 0.0
        self._kill_at = 0.0

    @property
    def ports(self) -> tuple[int, ...]:
        return tuple(port for container in self.task.containers for port in container.ports)

    @property
    def pids(self) -> tuple[int, ...]:
        return tuple(child.pid for child in self._children.values() if child.poll() is None)

    def exit_codes(self) -> dict[str, int]:
        """By container, of those that have ended."""
        codes = {name: child.poll() for name, child in self._children.items()}
        return {name: code for name, code in codes.items() if code is not None}

    def advance(self) -> None:
        """One look at the processes, and what follows from it."""
        if self.state == "stopping":
            self._finish()
        elif self.state == "failed":
            if time.monotonic() >= self._again:
                self._start()
        elif not self._children:
            self._start()
        elif self.exit_codes():
            self._fail()
        elif self.state == "starting" and self._listens():
            self.state = "serving"

    def stop(self) -> None:
        """Ask every process to end with its image's signal; `advance` sees to it that it does."""
        if self.state in ("stopping", "gone"):
            return
        for container in self.task.containers:
            child = self._children.get(container.name)
            if child is not None and child.poll() is None:
                child.send_signal(self._programs[container.name].stop_signal)
        longest = max((c.stop_seconds for c in self.task.containers), default=0)
        self.state, self._kill_at = "stopping", time.monotonic() + longest

    def _start(self) -> None:
        self._end_children()
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            for container in self.task.containers:
                self._children[container.name] = self._started(container)
        except (ValueError, NoCredentialsError, NotThereYetError) as error:
            self._end_children()
            self.problem = str(error)
            self._pause()
        else:
            self.state = "starting"

    def _started(self, container: Container) -> subprocess.Popen[bytes]:
        place = images.TaskHost(
            folder=self._folder,
            address=self.address,
            variables=self._surroundings(),
            authority=self._authority,
            databases=self._target.folder,
            releases=releases.read(self._target.folder),
        )
        made = images.program(container, place)
        self._programs[container.name] = made
        named = _ENDPOINT.findall(" ".join(container.variables.values()))
        if waiting := set(named) - databases.read(self._target.folder).keys():
            raise NotThereYetError(f"no server listens yet for {', '.join(sorted(waiting))}")
        given = {name: self._address(value) for name, value in container.variables.items()}
        return process.start(
            made.command,
            folder=self._target.folder,
            log=self._log(container.name),
            variables={**place.variables, **given, **made.variables},
            cwd=made.folder,
        )

    def _surroundings(self) -> Mapping[str, str]:
        """Return what ECS and the image give a process; nothing of the caller's shell."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            **self._credentials.variables(self.task.arn),
        }

    def _log(self, container: str) -> Path:
        return log_of(
            self._target.folder, self.task.region, self.task.service, self.task.id, container
        )

    def _listens(self) -> bool:
        """On every port; a task without one serves as soon as it runs."""
        return all(_connects(self.address, port) for port in self.ports)

    def _fail(self) -> None:
        """A container has ended: so has its task. A service's is started again, after a pause."""
        ended = []
        for name, code in self.exit_codes().items():
            reason = f": {last_lines(self._log(name), 1)}" if code else ""
            ended.append(f"{name} ended with {code}{reason}")
        self.problem = f"{', '.join(ended)}; see {self._log('*').relative_to(self._target.folder)}"
        if self.task.service is None:
            self._signal(signal.SIGTERM)
            self.state = "ended"
        else:
            self._pause()

    def _pause(self) -> None:
        self.restarts += 1
        seconds = min(2 ** (self.restarts - 1), _LONGEST_PAUSE)
        self.state, self._again = "failed", time.monotonic() + seconds

    def _finish(self) -> None:
        if self.pids and time.monotonic() < self._kill_at:
            return
        self._end_children()
        self._credentials.forget(self.task.arn)
        shutil.rmtree(self._folder, ignore_errors=True)
        self.state = "gone"

    def _end_children(self) -> None:
        process.end(self.pids, number=signal.SIGKILL)
        for child in self._children.values():
            child.wait()
        self._children.clear()

    def _signal(self, number: int) -> None:
        for child in self._children.values():
            if child.poll() is None:
                child.send_signal(number)


def log_of(folder: Path, region: str, service: str | None, task_id: str, container: str) -> Path:
    """Return the file that a container's output is added to; `folder` is the local target's."""
    return folder / "logs" / f"{region}-{service or 'task'}-{task_id[:8]}-{container}.log"


def _connects(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, port)) == 0


def _free_address(ports: tuple[int, ...]) -> str:
    """Return an address of the loopback network where nothing listens on the ports.

    The whole of 127.0.0.0/8 is this machine (Linux), so each task has its own, as in a VPC, and
    listens on the ports of its definition. Load balancers distinguish targets by it.
    """
    while True:
        address = (
            f"127.{random.randrange(64, 128)}.{random.randrange(256)}.{random.randrange(1, 255)}"
        )
        if not any(_connects(address, port) for port in ports):
            return address
