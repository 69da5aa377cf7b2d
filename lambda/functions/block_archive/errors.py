"""Defines the errors of a call, alike for every transport, and which are worth another attempt."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from functions.archive_format.geometry import ArchiveError

__all__ = ["ArchiveError"]


class TransientError(Exception):
    """Worth another attempt: 5xx, a lost or silent connection, damaged bytes."""


class ThrottledError(Exception):
    """Raised when the service throttles; costs no attempt, but slows all workers down."""


class HiddenError(Exception):
    """Made a moment ago, and not yet to be seen: to be waited for, at the cost of no attempt."""


class TokenError(Exception):
    """A block's or page's token is no longer accepted; list again."""


class MissingError(Exception):
    """Raised where the requested object does not exist."""


class UnrelatedError(Exception):
    """The two snapshots cannot be compared; or one of them can no longer be read."""


class ExistsError(Exception):
    """A conditional write found the object there."""


class RefusedError(ArchiveError):
    """Raised when the service refuses, and would refuse again."""


class SweptError(ArchiveError):
    """A file that was there is gone."""


# What a caller of the engine may see; each says in words what is wrong.
EXPECTED = (
    *(ArchiveError, TransientError, ThrottledError, HiddenError, TokenError),
    *(MissingError, UnrelatedError, ExistsError, OSError),
)

# Names of errors, as the services give them (EBS direct APIs and S3 API references, "Errors").
_THROTTLED = {
    *("ThrottlingException", "RequestThrottledException", "Throttling", "TooManyRequestsException"),
    *("SlowDown", "RequestLimitExceeded", "ServiceQuotaExceededException"),
}
_TRANSIENT = {
    *("InternalServerException", "InternalError", "ServiceUnavailable", "RequestTimeout"),
    *("OperationAborted", "ConditionalRequestConflict", "BadDigest", "XAmzContentSHA256Mismatch"),
    # Signed again on the next attempt, with fresh credentials and the time of that moment.
    *("ExpiredToken", "ExpiredTokenException", "RequestTimeTooSkewed", "RequestExpired"),
    *("InvalidSignatureException", "SignatureDoesNotMatch"),
}
_MISSING = {
    *("ResourceNotFoundException", "InvalidSnapshot.NotFound"),
    *("NoSuchKey", "NotFound", "404"),
}
_TOKENS = {"INVALID_BLOCK_TOKEN", "INVALID_PAGE_TOKEN"}
_UNREADABLE = {"UNRELATED_SNAPSHOTS", "INVALID_SNAPSHOT"}
_CLOSED = {"ServiceQuotaExceededException"}  # pending snapshots, not speed


def classified(what: str, status: int, code: str, message: str, reason: str = "") -> Exception:
    """The error of a call that was answered with one."""
    text = f"{what}: {code} {message}".strip()
    if code in _CLOSED:
        return RefusedError(text)
    if code in _THROTTLED:
        return ThrottledError(text)
    if code in _TRANSIENT or status >= 500:
        return TransientError(text)
    if reason in _TOKENS:
        return TokenError(text)
    if reason in _UNREADABLE:
        return UnrelatedError(text)
    if status == 412 or code == "PreconditionFailed":
        return ExistsError(text)
    if code in _MISSING or status == 404:
        return MissingError(text)
    # EBS answers a failed read or write of a body so (PutSnapshotBlock, ValidationException).
    if "Failed to read block data" in message or reason == "WRITE_REQUEST_TIMEOUT":
        return TransientError(text)
    return RefusedError(text)


@contextmanager
def from_botocore(what: str) -> Iterator[None]:
    """Turn botocore's errors into these."""
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ClientError as error:
        found = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        reason = str(error.response.get("Reason") or "")
        code, message = str(found.get("Code", "")), str(found.get("Message", ""))
        raise classified(what, status, code, message, reason) from error
    except (HTTPClientError, HTTPError, ConnectionError) as error:
        raise TransientError(f"{what}: {error}") from error
    except BotoCoreError as error:  # IncompleteReadError and ResponseStreamingError among them
        name = type(error).__name__
        if name in ("IncompleteReadError", "ResponseStreamingError", "ReadTimeoutError"):
            raise TransientError(f"{what}: {error}") from error
        raise RefusedError(f"{what}: {error}") from error
