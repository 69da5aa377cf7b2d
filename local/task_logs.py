"""The log driver of one-off tasks: their lines go to the log streams that commands read."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local.desired_state import Container, Task
from local.running_task import log_of

# PutLogEvents takes 10,000 events and 1 MiB of them (Amazon CloudWatch Logs API); our lines are
# shorter than a kilobyte.
_AT_ONCE = 1_000


class TaskLogs:
    """Sends what a task's containers have printed since the last call, by `awslogs`.

    Servers of a service print a line for every request: theirs stay in their files.
    """

    def __init__(self, client: Callable[[str, str], Any], folder: Path) -> None:
        self._client, self._folder = client, folder
        self._sent: dict[Path, int] = {}  # bytes of each file

    def send(self, task: Task, *, ended: bool = False) -> None:
        """Send whole lines; of a task that has `ended` the last one too."""
        for container in task.containers:
            if container.log is not None:
                self._send(task, container, self._file(task, container), ended=ended)

    def forget(self, task: Task) -> None:
        """Forget a task that nobody lists any more."""
        for container in task.containers:
            self._sent.pop(self._file(task, container), None)

    def _file(self, task: Task, container: Container) -> Path:
        return log_of(self._folder, task.region, task.service, task.id, container.name)

    def _send(self, task: Task, container: Container, path: Path, *, ended: bool) -> None:
        printed = _read(path, self._sent.get(path, 0))
        if not ended:
            printed = printed[: printed.rfind(b"\n") + 1]
        if not printed or container.log is None:
            return
        group, prefix = container.log
        place = {"logGroupName": group, "logStreamName": f"{prefix}/{container.name}/{task.id}"}
        logs = self._client("logs", task.region)
        if path not in self._sent:
            logs.create_log_stream(**place)
        now = int(time.time() * 1_000)
        lines = [line for line in printed.decode(errors="replace").splitlines() if line]
        for start in range(0, len(lines), _AT_ONCE):
            events = [{"timestamp": now, "message": m} for m in lines[start : start + _AT_ONCE]]
            logs.put_log_events(**place, logEvents=events)
        self._sent[path] = self._sent.get(path, 0) + len(printed)


def _read(path: Path, start: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read()
    except FileNotFoundError:
        return b""
