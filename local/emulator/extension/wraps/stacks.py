"""Stacks: whoever asks for one that is being changed is answered when it has been.

The CDK CLI asks right after it began a change, and then sleeps for five seconds; here most stacks
are whole within one, and a deploy of 42 of them was mostly that sleep.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any
from urllib.parse import parse_qs

from local.emulator.extension import inside

# Below the timeout of any client of ours, and below the sleep of the CLI.
LONGEST_SECONDS = 4.0
_PAUSE_SECONDS = 0.05
# One under review, whose change set nobody executed, may stay so for ever.
_CHANGING = re.compile(rb"<StackStatus>(?!REVIEW)\w+_IN_PROGRESS<")


def install() -> None:
    handlers = inside.app.SERVICE_HANDLERS
    handlers["cloudformation"] = _patient(handlers["cloudformation"])


def _patient(otherwise: Any) -> Any:
    async def handle(*request: Any) -> Any:
        answer = await otherwise(*request)
        if not _asks_for_one(request[3]):
            return answer
        limit = time.monotonic() + LONGEST_SECONDS
        while _changing(answer) and time.monotonic() < limit:
            await asyncio.sleep(_PAUSE_SECONDS)
            answer = await otherwise(*request)
        return answer

    return handle


def _asks_for_one(body: bytes) -> bool:
    """Return whether it is DescribeStacks of one stack; a list of all is never delayed."""
    if b"DescribeStacks" not in body:
        return False
    asked = parse_qs(body.decode(errors="replace"))
    return asked.get("Action") == ["DescribeStacks"] and "StackName" in asked


def _changing(answer: Any) -> bool:
    status, _, body = answer
    text = body.encode() if isinstance(body, str) else body
    return status == 200 and _CHANGING.search(text) is not None
