"""The subjects of the service's benchmark, each a process: `SUBJECT` names it.

service      the service as it is shipped
asking       the service, which asks the session store with each request
bare         one route of the framework, served as the service is
bare-asking  that route, which asks the session store with each request
"""

from __future__ import annotations

import os
import socket
import sys

from fastapi import FastAPI
from pydantic import BaseModel

from service.__main__ import ApiServer, configuration, serve
from service.aws import Aws
from service.log import log
from service.sessions import REMEMBERED_SECONDS
from service.settings import api_settings


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


def _bare(*, asking: bool) -> FastAPI:
    """Return the framework with one route, which asks for the session TOKEN_HASH of TENANT."""
    aws = Aws(os.environ["AWS_REGION"])
    query = {
        "TableName": "session",
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {
            ":pk": {"S": f"session#{os.environ['TENANT']}#{os.environ['TOKEN_HASH']}"}
        },
        "ConsistentRead": True,
    }

    async def ask_and_answer() -> _Session:
        assert (await aws.call("dynamodb", "Query", **query))["Items"]
        return await _answer()

    bare = FastAPI()
    bare.get("/api/v1/sessions/me")(ask_and_answer if asking else _answer)
    bare.get("/health/ready")(_answer)
    return bare


def main() -> int:
    """Serve PORT as SUBJECT until a signal."""
    subject = os.environ["SUBJECT"]
    if not subject.startswith("bare"):
        remembered = 0.0 if subject == "asking" else REMEMBERED_SECONDS
        return serve(api_settings(os.environ), remembered_seconds=remembered)
    bare = _bare(asking=subject == "bare-asking")
    listener = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=1_024)
    log("listening", port=listener.getsockname()[1])
    ApiServer(configuration(bare, longest_seconds=30)).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
