"""The outbox: events that were written with what they are about, on their way into the queue.

Every process of the API empties the entity store's outbox, at once after a write of its own and
every few seconds for those that died before they could. An event leaves the outbox once the queue
has it; one that two processes send is one row of the audit log, by its id.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random

from service.audit import BATCH_MAX, Audit
from service.log import log
from service.mode import ServiceMode
from service.stores.entity import EntityStore

_LOOK_SECONDS = 5.0


class Outbox:
    """In READ_ONLY, when nothing can be taken out, what is in it waits."""

    def __init__(self, entities: EntityStore, audit: Audit, mode: ServiceMode) -> None:
        self._entities = entities
        self._audit = audit
        self._mode = mode
        self._more = asyncio.Event()

    def wake(self) -> None:
        """Look at once: something was written."""
        self._more.set()

    async def run(self) -> None:
        """Empty it, for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._more.wait(), _LOOK_SECONDS * random.uniform(0.5, 1))
            self._more.clear()
            try:
                while not self._mode.read_only and await self._send():
                    pass
            except Exception as error:  # whatever it is, the next look tries again
                log("outbox waits", error=type(error).__name__)

    async def _send(self) -> bool:
        """Send the oldest events; return whether there may be more that the queue takes."""
        rows = await self._entities.waiting_events(BATCH_MAX)
        if not rows:
            return False
        refused = await self._audit.send([json.dumps(row["event"]) for row in rows])
        sent = [row["id"] for place, row in enumerate(rows) if place not in refused]
        await self._entities.remove_events(sent)
        return len(sent) == BATCH_MAX
