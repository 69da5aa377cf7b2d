"""Problems as clients see them: RFC 9457, with the codes that clients of this API know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.exceptions import HTTPException
from starlette.responses import Response


@dataclass(frozen=True)
class ProblemKind:
    """One kind of problem: its status, code and summary."""

    status: int
    code: str
    title: str


INVALID = ProblemKind(400, "E0000001", "Api validation failed")
MALFORMED = ProblemKind(400, "E0000003", "The request body was not well-formed")
NOT_AUTHENTICATED = ProblemKind(401, "E0000004", "Authentication failed")
NO_SESSION = ProblemKind(401, "E0000005", "Invalid session")
FORBIDDEN = ProblemKind(
    403, "E0000006", "You do not have permission to perform the requested action"
)
NOT_FOUND = ProblemKind(404, "E0000007", "Not found")
NO_ROUTE = ProblemKind(404, "E0000008", "The requested path was not found")
INTERNAL = ProblemKind(500, "E0000009", "Internal Server Error")
UNAVAILABLE = ProblemKind(503, "E0000009", "A store that this needs does not answer")
READ_ONLY = ProblemKind(503, "E0000010", "Service is in read only mode")
WRONG_PASSWORD = ProblemKind(403, "E0000014", "Update of credentials failed")
NO_CLIENT = ProblemKind(401, "E0000011", "Invalid client credentials")
MEDIA_TYPE = ProblemKind(415, "E0000021", "The Content-Type is not one that this takes")
NO_METHOD = ProblemKind(405, "E0000022", "The endpoint does not support the provided HTTP method")
TAKEN = ProblemKind(409, "E0000001", "An object with this login already exists")
LAST_ADMINISTRATOR = ProblemKind(409, "E0000001", "The last active administrator stays one")
CHANGED_MEANWHILE = ProblemKind(412, "E0000001", "The object was changed since it was read")
TOO_SLOW = ProblemKind(408, "E0000003", "The request body did not come in time")
TOO_MANY = ProblemKind(429, "E0000047", "API call exceeded rate limit due to too many requests")
TOO_LARGE = ProblemKind(413, "E0000003", "Content too large")

# The cause of a write whose answer was lost on the way from the store.
UNKNOWN = "whether it was written is not known: look before you ask again"


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Cause(_Model):
    """One thing that is wrong with a request."""

    error_summary: str


class Problem(_Model):
    """The body of every answer that is no success."""

    type: str = "about:blank"
    title: str
    status: int
    code: str = Field(pattern="^E[0-9]{7}$")
    error_code: str
    error_summary: str
    error_id: str
    error_causes: list[Cause]
    request_id: str


class ProblemError(HTTPException):
    """An answer that is no success; `causes` name what is wrong with the request."""

    def __init__(
        self,
        kind: ProblemKind,
        causes: tuple[str, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(kind.status, kind.title, headers)
        self.kind = kind
        self.causes = causes

    def response(self, request_id: str) -> Response:
        """Return the answer to the request of this id."""
        kind = self.kind
        body = Problem(
            title=kind.title,
            status=kind.status,
            code=kind.code,
            error_code=kind.code,
            error_summary=kind.title,
            error_id=request_id,
            error_causes=[Cause(error_summary=cause) for cause in self.causes],
            request_id=request_id,
        )
        return Response(
            body.model_dump_json(by_alias=True),
            kind.status,
            self.headers,
            "application/problem+json",
        )


def read_only(reason: str, *, retry_after: int = 5) -> ProblemError:
    """Return the refusal of a write that is not taken now; `retry_after` is in seconds."""
    headers = {"Retry-After": str(retry_after), "X-Service-Mode": "read-only"}
    return ProblemError(READ_ONLY, (reason,), headers)
