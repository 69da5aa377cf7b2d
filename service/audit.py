"""Audit events on their way into the Region's queue: sent in batches, kept while it is away.

An event waits here for a moment so that others can join its batch. Whoever made it waits for the
queue's word, but no longer than a login can: after that it stays here and is sent again until it is
taken. When more wait than are kept, and at a stop that cannot send them, each goes into the log
instead, whole, as a line `audit event not sent`: the log group keeps it, and nothing is lost.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from collections.abc import Sequence

from service.aws import FAILURES, Aws
from service.log import log
from service.stores.transaction import Event

KEPT_MAX = 10_000
BATCH_MAX = 10  # Amazon SQS, SendMessageBatch
_JOIN_SECONDS = 0.005
_WAIT_SECONDS = 0.5
_PAUSE_SECONDS = (0.2, 5.0)


class Audit:
    """One process's way into the queue; `run` sends until it is cancelled."""

    def __init__(self, aws: Aws, queue_url: str, *, kept_max: int = KEPT_MAX) -> None:
        self._aws = aws
        self._queue_url = queue_url
        self._kept_max = kept_max
        self._waiting: deque[tuple[Event, asyncio.Future[None]]] = deque()
        self._more = asyncio.Event()
        self._well = True

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def record(self, event: Event) -> None:
        """Queue an event; returns when the queue has it, or when waiting would cost the caller."""
        if len(self._waiting) >= self._kept_max:
            _into_log(event)
            return
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, taken))
        self._more.set()
        if self._well:
            await asyncio.wait([taken], timeout=_WAIT_SECONDS)

    async def run(self) -> None:
        """Send what comes, for ever."""
        pause = _PAUSE_SECONDS[0]
        while True:
            await self._more.wait()
            await asyncio.sleep(_JOIN_SECONDS)
            if await self._send():
                pause = _PAUSE_SECONDS[0]
                continue
            await asyncio.sleep(pause * random.uniform(0.5, 1))
            pause = min(pause * 2, _PAUSE_SECONDS[1])

    async def flush(self, *, seconds: float) -> None:
        """Before a stop: send all that waits, or write it into the log."""
        try:
            async with asyncio.timeout(seconds):
                while self._waiting and await self._send():
                    pass
        except TimeoutError:
            pass
        while self._waiting:
            event, taken = self._waiting.popleft()
            _into_log(event)
            taken.cancel()

    async def _send(self) -> bool:
        """Send one batch; False when the queue did not take all of it."""
        batch = [self._waiting[place] for place in range(min(BATCH_MAX, len(self._waiting)))]
        if not batch:
            self._more.clear()
            return True
        try:
            refused = await self.send([event.to_json() for event, _ in batch])
        except FAILURES as error:
            self._note_health(False, type(error).__name__)
            return False
        for place, (event, taken) in enumerate(batch):
            self._waiting.popleft()
            if place in refused:
                self._waiting.append((event, taken))
            elif not taken.done():
                taken.set_result(None)
        self._note_health(not refused, "refused")
        return not refused

    async def send(self, events: Sequence[str]) -> set[int]:
        """Send at most BATCH_MAX events now; return the places of those that the queue refused."""
        answer = await self._aws.sqs(
            "SendMessageBatch",
            QueueUrl=self._queue_url,
            Entries=[
                {"Id": str(place), "MessageBody": event} for place, event in enumerate(events)
            ],
        )
        return {int(failed["Id"]) for failed in answer.get("Failed", [])}

    def _note_health(self, well: bool, reason: str) -> None:
        if well != self._well:
            self._well = well
            log("queue answers" if well else "queue away", reason=reason, waiting=self.waiting)


def _into_log(event: Event) -> None:
    log("audit event not sent", audit=json.loads(event.to_json()))
