"""What goes wrong, as clients see it: RFC 9457, with the codes that clients of this API know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Kind:
    """One kind of problem: its status, code and summary."""

    status: int
    code: str
    title: str


INVALID = Kind(400, "E0000001", "Api validation failed")
MALFORMED = Kind(400, "E0000003", "The request body was not well-formed")
NOT_AUTHENTICATED = Kind(401, "E0000004", "Authentication failed")
NO_SESSION = Kind(401, "E0000005", "Invalid session")
FORBIDDEN = Kind(403, "E0000006", "You do not have permission to perform the requested action")
NOT_FOUND = Kind(404, "E0000007", "Not found")
NO_ROUTE = Kind(404, "E0000008", "The requested path was not found")
INTERNAL = Kind(500, "E0000009", "Internal Server Error")
UNAVAILABLE = Kind(503, "E0000009", "A store that this needs does not answer")
READ_ONLY = Kind(503, "E0000010", "Service is in read only mode")
NO_CLIENT = Kind(401, "E0000011", "Invalid client credentials")
MEDIA_TYPE = Kind(415, "E0000021", "The Content-Type is not one that this takes")
NO_METHOD = Kind(405, "E0000022", "The endpoint does not support the provided HTTP method")
TAKEN = Kind(409, "E0000001", "An object with this login already exists")
TOO_MANY = Kind(429, "E0000047", "API call exceeded rate limit due to too many requests")
TOO_LARGE = Kind(413, "E0000003", "Content too large")

# Of a write whose answer was lost on the way from the store.
UNKNOWN = "whether it was written is not known: look before you ask again"

KINDS = tuple(value for value in list(globals().values()) if isinstance(value, Kind))


@dataclass(frozen=True)
class ProblemError(Exception):
    """Raised anywhere below an endpoint; `causes` name what of the request is wrong."""

    kind: Kind
    causes: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, request_id: str) -> dict[str, object]:
        kind = self.kind
        return {
            "type": "about:blank",
            "title": kind.title,
            "status": kind.status,
            "code": kind.code,
            "errorCode": kind.code,
            "errorSummary": kind.title,
            "errorId": request_id,
            "errorCauses": [{"errorSummary": cause} for cause in self.causes],
            "requestId": request_id,
        }


def read_only(reason: str, *, retry_after: int = 5) -> ProblemError:
    """A write that is not taken now."""
    return ProblemError(
        READ_ONLY,
        (reason,),
        {"Retry-After": str(retry_after), "X-Service-Mode": "read-only"},
    )
