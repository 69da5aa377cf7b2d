"""The AWS SDK, called from a few threads: its calls block, and the event loop must not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from service.settings import Address

# As many calls as may be under way at once; each waits for the network nearly all of its time.
THREADS = 32
# A call that hangs fails soon enough for a second one within a request.
_QUICK = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=THREADS,
    parameter_validation=False,  # every parameter is this code's own
)
# A long poll answers after 20 s.
_PATIENT = Config(connect_timeout=2, read_timeout=30, retries={"total_max_attempts": 2})

FAILURES = (BotoCoreError, ClientError)


class Aws:
    """Clients of one Region, and the threads that wait for them."""

    def __init__(self, region: str) -> None:
        session = boto3.Session(region_name=region)
        self.dynamodb: Any = session.client("dynamodb", config=_QUICK)
        self.sqs: Any = session.client("sqs", config=_QUICK)
        self._session = session
        self._region = region
        self._rds: Any = None
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="aws")

    async def call(self, act: Callable[..., Any], **arguments: Any) -> Any:
        """Call a client's method in a thread; raises what it raises, see FAILURES."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, partial(act, **arguments)
        )

    def patient(self, service: str) -> Any:
        """A client whose calls may take 30 s: a long poll, the Data API."""
        return self._session.client(service, config=_PATIENT)

    def database_token(self, address: Address, role: str) -> str:
        """A password for one connection, signed here: no network is needed for it."""
        self._rds = self._rds or self._session.client("rds")
        return self._rds.generate_db_auth_token(
            DBHostname=address[0], Port=address[1], DBUsername=role, Region=self._region
        )

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class Remembered:
    """The last answer of a question, for `seconds`: many who ask at once cause one question."""

    def __init__(self, ask: Callable[[], Any], *, seconds: float) -> None:
        self._ask = ask
        self._seconds = seconds
        self._until = 0.0
        self._asking: asyncio.Task[Any] | None = None
        self._answer: Any = None

    async def get(self) -> Any:
        if time.monotonic() < self._until:
            return self._answer
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self._asked())
        return await asyncio.shield(self._asking)

    async def _asked(self) -> Any:
        self._answer = await self._ask()
        self._until = time.monotonic() + self._seconds
        return self._answer
