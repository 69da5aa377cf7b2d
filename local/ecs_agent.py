"""The background process that keeps tasks as the control plane wants them.

`python -m local.ecs_agent --endpoint URL --account DIGITS --folder PATH --authority PATH REGION...`
runs until SIGTERM, or until the endpoint has gone, which both end every task. It writes
status.json at each of its looks.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local import databases
from local.desired_state import DesiredState, Listener
from local.reconciler import Reconciler
from local.target import LocalTarget
from local.task_credentials import TaskCredentials
from local.waiting import NotInTimeError, wait_until

# Between two looks at the control plane, in seconds: a look costs some 40 ms of CPU.
PAUSE = 0.5

# Without an answer for this long, the endpoint is taken as gone, and everything ends with it.
TIMEOUT_SECONDS = 15

# The longest that a task may take to end when the ECS agent itself has to end.
_STOP_SECONDS = 5


class EcsAgent:
    def __init__(self, target: LocalTarget, regions: tuple[str, ...], authority: Path) -> None:
        self._target = target
        self._desired = DesiredState(target, regions)
        self._listeners: tuple[Listener, ...] = ()
        self._databases: dict[str, str] = {}
        self._reconciler = Reconciler(
            self._desired,
            target=target,
            authority=authority,
            address=self._address,
            credentials=TaskCredentials(target),
        )
        self._stopping = False

    def run(self) -> None:
        """Keep tasks until a signal to stop, or until the endpoint has gone."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        answered = time.monotonic()
        while not self._stopping:
            began = time.monotonic()
            try:
                self._step()
                answered = time.monotonic()
            except (BotoCoreError, ClientError) as error:
                print(f"{type(error).__name__}: {error}", flush=True)
                if time.monotonic() - answered > TIMEOUT_SECONDS:
                    print("the endpoint has gone: ending with it", flush=True)
                    break
            time.sleep(max(0.0, PAUSE - (time.monotonic() - began)))
        self._end()

    def _step(self) -> None:
        self._listeners = self._desired.listeners()
        self._databases = databases.read(self._target.folder)
        self._reconciler.step(self._desired.tasks())
        write_status(self._target.folder, self._status())

    def _end(self) -> None:
        self._reconciler.stop()
        running = self._reconciler.running.values()

        def ended() -> bool:
            for one in running:
                one.advance()
            return all(one.state == "gone" for one in running)

        with contextlib.suppress(NotInTimeError):
            wait_until(ended, "the end of all tasks", seconds=_STOP_SECONDS)
        (self._target.folder / "status.json").unlink(missing_ok=True)

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _address(self, value: str) -> str:
        """Return `value` with the local addresses of load balancers, or of the one database it is.

        A list of databases keeps their names, which the task's resolver knows; a single one goes
        on to servers that connect to each other, and these have no resolver of ours.
        """
        value = self._databases.get(value, value)
        for listener in self._listeners:
            if listener.address is not None:
                value = value.replace(f"{listener.dns_name}:{listener.port}", listener.address)
        return value

    def _status(self) -> dict[str, Any]:
        return {
            "listeners": [_listener(listener) for listener in self._listeners],
            "tasks": [
                {
                    "region": one.task.region,
                    "cluster": one.task.cluster,
                    "service": one.task.service,
                    "task": one.task.id,
                    "images": [container.image for container in one.task.containers],
                    "state": one.state,
                    "address": one.address,
                    "pids": list(one.pids),
                    "restarts": one.restarts,
                    "problem": one.problem,
                }
                for one in self._reconciler.running.values()
            ],
        }


def _listener(listener: Listener) -> dict[str, Any]:
    return {
        "region": listener.region,
        "balancer": listener.balancer,
        "public": listener.public,
        "listener": f"{listener.protocol} {listener.port}",
        "url": listener.url,
        "address": listener.address,
    }


def write_status(folder: Path, status: dict[str, Any]) -> None:
    """Readers see the old status or the new one, never half of it."""
    fresh = folder / "status.new"
    fresh.write_text(json.dumps({"at": time.time(), **status}, indent=2))
    fresh.rename(folder / "status.json")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="local.ecs_agent", description=__doc__)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--account", required=True)
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--authority", required=True, type=Path, help="what its TLS is signed by")
    parser.add_argument("regions", nargs="+")
    given = parser.parse_args(argv)
    target = LocalTarget(endpoint=given.endpoint, account=given.account, folder=given.folder)
    EcsAgent(target, tuple(given.regions), given.authority).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
