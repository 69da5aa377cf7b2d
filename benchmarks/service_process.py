"""The subjects of the service's benchmark, each a process: `SUBJECT` names it.

bare       one route of the framework, served as the service is
asking     the service, which asks the session store with each request
service    the service as it is shipped
call       no server: prints what a call of the session store's client costs by itself
"""

from __future__ import annotations

import os
import socket
import sys
import time

from fastapi import FastAPI
from pydantic import BaseModel

from service.__main__ import ApiServer, configuration, serve
from service.aws import Aws
from service.log import log
from service.sessions import REMEMBERED_SECONDS
from service.settings import api_settings

_CALLS = 400


class _Session(BaseModel):
    status: str
    userId: str  # noqa: N815
    login: str
    role: str
    amr: list[str]
    createdAt: str  # noqa: N815
    expiresAt: str  # noqa: N815


async def _answer() -> _Session:
    """Return the same answer as the service's, as the framework's first page writes a route."""
    return _Session(
        status="ACTIVE",
        userId="01a2121a-0552-70de-9097-09a0a4afd5bb",
        login="ada@acme.example",
        role="ADMIN",
        amr=["pwd"],
        createdAt="2026-11-25T09:47:06Z",
        expiresAt="2026-11-25T11:47:06Z",
    )


def _call() -> float:
    """CPU in microseconds of one call, of the same item and with the same client."""
    client = Aws(os.environ["AWS_REGION"]).dynamodb
    pk = f"session#{os.environ['TENANT']}#{os.environ['TOKEN_HASH']}"
    key = {"pk": {"S": pk}, "sk": {"S": "session"}}

    def calls(times: int) -> None:
        for _ in range(times):
            found = client.get_item(TableName="session", Key=key, ConsistentRead=True)
            assert found["Item"]

    calls(20)
    before = time.process_time()
    calls(_CALLS)
    return (time.process_time() - before) / _CALLS * 1e6


def main() -> int:
    """Serve PORT as SUBJECT until a signal."""
    subject = os.environ["SUBJECT"]
    if subject == "call":
        print(_call())
        return 0
    if subject != "bare":
        remembered = 0.0 if subject == "asking" else REMEMBERED_SECONDS
        return serve(api_settings(os.environ), remembered_seconds=remembered)
    bare = FastAPI()
    for path in ("/api/v1/sessions/me", "/health/ready"):
        bare.get(path)(_answer)
    listener = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=1_024)
    log("listening", port=listener.getsockname()[1])
    ApiServer(configuration(bare, longest_seconds=30)).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
