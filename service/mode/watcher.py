"""Two watchers keep the mode true: a thread follows the control table, a task tries the writer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import boto3
from botocore.config import Config

from functions.control_table.acknowledgements import acknowledge
from functions.control_table.mode import Mode, State, read
from functions.mode_follower.follower import POLL, STALE, ModeFollower
from service.log import log
from service.mode.service_mode import ServiceMode

# A look that hangs is worse than one that fails: the next is two seconds away.
_QUICK = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1})
# Looks at the writer, and how many in a row change what is obeyed.
_WRITER_SECONDS = 1.0
_LOOKS = 3
# Counted in the log by an alarm, which takes two tasks' word and Amazon RDS's.
NO_WRITER = "entered READ_ONLY: no writer"
# Not counted: a release brings it, and ends it when its trailing half is replaced.
WRITER_IS_NEWER = "entered READ_ONLY: the writer has another schema version"
WRITER_IS_BACK = "a writer answers again"
# Counted in the log by an alarm; logged with each acknowledgement, once a minute, while it lasts.
DISAGREES = "does not do what the control table says"


class ModeWatcher:
    """Follows the table in a thread of its own, which a busy event loop cannot hold up.

    It acknowledges what the process does, READ_ONLY where it entered that by itself, as soon as
    that changes: `mainstay mode show` prints it.
    """

    def __init__(
        self,
        mode: ServiceMode,
        *,
        region: str,
        table: str,
        layer: str,
        task_id: str,
        poll_seconds: float = POLL.total_seconds(),
        stale_seconds: float = STALE.total_seconds(),
    ) -> None:
        self._mode = mode
        self._poll_seconds = poll_seconds
        self._stale_seconds = stale_seconds
        self._stopping = threading.Event()
        client: Any = boto3.Session(region_name=region).client("dynamodb", config=_QUICK)

        self._acknowledged: Mode | None = None

        def say_so(state: State, now: datetime) -> None:
            done = mode.state
            if done.mode is not state.mode:
                log("mode", what=DISAGREES, mode=done.mode, epoch=state.epoch, reason=done.reason)
            acknowledge(client, table, layer=layer, task_id=task_id, state=done, at=now)
            self._acknowledged = done.mode

        self.follower = ModeFollower(
            read_mode=partial(read, client, table),
            obey=mode.obey,
            say_so=say_so,
            log=lambda entry: log("mode", **{"what": entry.pop("event"), **entry}),
        )
        self._started = datetime.now(UTC)
        self._thread = threading.Thread(target=self._run, name="mode", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopping.is_set():
            now = datetime.now(UTC)
            if self._mode.state.mode is not self._acknowledged:
                self.follower.renew()
            self.follower.look(now)
            age = self.follower.age(now)
            unread = (now - self._started) if age is None else age
            self._mode.set_stale(unread.total_seconds() >= self._stale_seconds)
            self._stopping.wait(self._poll_seconds)


class WriterWatcher:
    """Tries the writer. Gone for three looks, READ_ONLY is entered; there for three, it is left."""

    def __init__(
        self,
        mode: ServiceMode,
        accepts_writes: Callable[[], Awaitable[bool]],
        *,
        seconds: float = _WRITER_SECONDS,
        has_other_version: Callable[[], bool] = lambda: False,
    ) -> None:
        """`has_other_version` returns whether the last look found a writer of another version."""
        self._mode = mode
        self._accepts_writes, self._has_other_version = accepts_writes, has_other_version
        self._seconds = seconds
        # Whether the process could do what its mode says: once a writer has answered, or none was
        # needed. Until then it is sent no requests, the first writes of which it would refuse.
        self.is_settled = False

    async def run(self) -> None:
        """Look for ever."""
        differing = 0  # looks in a row that differ from what is obeyed
        while True:
            await asyncio.sleep(self._seconds)
            lost, epoch = self._mode.has_lost_writer, self._mode.epoch
            if self._mode.read_only and not lost:
                differing = 0  # the table's word, and the table ends it
                self.is_settled = self.is_settled or self._mode.is_known
                continue
            accepts = await self._accepts_writes()
            self.is_settled = self.is_settled or accepts
            differing = differing + 1 if accepts == lost else 0
            if differing < _LOOKS or (lost, epoch) != (
                self._mode.has_lost_writer,
                self._mode.epoch,
            ):
                continue
            differing = 0
            if lost:
                self._mode.find_writer()
                log("mode", what=WRITER_IS_BACK, epoch=epoch)
            elif not self._mode.read_only:
                self._mode.lose_writer()
                self.is_settled = True
                what = WRITER_IS_NEWER if self._has_other_version() else NO_WRITER
                log("mode", what=what, epoch=epoch)
