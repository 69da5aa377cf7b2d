"""One look into the queue: what is in it is kept in the store, and then taken out.

A message is deleted after its event is committed, and an event has one id, so a worker that dies at
any point leaves nothing lost and nothing twice. What is no event, or what the store refuses, is
left in the queue: after five receives Amazon SQS moves it to the dead-letter queue. It delays no
other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from service.aws import Aws
from service.log import log
from service.stores.transaction import Event, NoEventError, TransactionStore, from_json

_MESSAGES_MAX = 10  # Amazon SQS, ReceiveMessage
_ANSWER_SECONDS = 5  # how long a look may take beside its wait
_PROMPT_SECONDS = 1  # a poisoned message comes back soon, and so leaves soon


@dataclass(frozen=True)
class Message:
    """A message of the queue as an event."""

    receipt: str
    event: Event


class Drain:
    """A look waits `wait_seconds` for a first message, 0 to 20, and so may a stop."""

    def __init__(
        self, aws: Aws, queue_url: str, store: TransactionStore, *, wait_seconds: int = 4
    ) -> None:
        self._aws = aws
        self._queue_url = queue_url
        self._store = store
        self._wait_seconds = wait_seconds
        self.holding = False  # whether it has messages in hand

    async def require_store(self) -> None:
        """UnavailableError where the store takes no events now."""
        await self._store.require_writer()

    async def once(self) -> int:
        """Receive, keep, delete; returns how many were kept.

        Raises UnavailableError with the store away: the messages come back by themselves.
        """
        answer = await self._aws.sqs(
            "ReceiveMessage",
            seconds=self._wait_seconds + _ANSWER_SECONDS,
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=_MESSAGES_MAX,
            WaitTimeSeconds=self._wait_seconds,
        )
        self.holding = True
        try:
            return await self._kept(answer.get("Messages", []))
        finally:
            self.holding = False

    async def _kept(self, raws: Sequence[dict[str, Any]]) -> int:
        by_tenant: dict[UUID, list[Message]] = defaultdict(list)
        for raw in raws:
            try:
                event = from_json(raw["Body"])
            except NoEventError as error:
                await self._leave(raw["ReceiptHandle"], raw["MessageId"], str(error))
                continue
            by_tenant[event.tenant_id].append(Message(raw["ReceiptHandle"], event))
        kept = 0
        for messages in by_tenant.values():
            kept += await self._keep(messages)
        return kept

    async def _keep(self, messages: Sequence[Message]) -> int:
        """Keep the events of one tenant at once, or each by itself where one of them is refused."""
        try:
            await self._store.add([message.event for message in messages])
        except psycopg.Error as error:
            if len(messages) > 1:
                return sum([await self._keep([message]) for message in messages])
            (message,) = messages
            await self._leave(message.receipt, str(message.event.id), type(error).__name__)
            return 0
        await self._delete(messages)
        return len(messages)

    async def _delete(self, messages: Sequence[Message]) -> None:
        answer = await self._aws.sqs(
            "DeleteMessageBatch",
            QueueUrl=self._queue_url,
            Entries=[
                {"Id": str(place), "ReceiptHandle": message.receipt}
                for place, message in enumerate(messages)
            ],
        )
        if failed := answer.get("Failed"):
            log("not deleted, kept once all the same", messages=len(failed))

    async def _leave(self, receipt: str, name: str, reason: str) -> None:
        log("event refused", message=name, reason=reason)
        await self._aws.sqs(
            "ChangeMessageVisibility",
            QueueUrl=self._queue_url,
            ReceiptHandle=receipt,
            VisibilityTimeout=_PROMPT_SECONDS,
        )
