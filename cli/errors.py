"""A failure as one line that names the fix."""

from __future__ import annotations

from typing import Any

from botocore import exceptions as aws

_SIGN_IN = "sign in again (such as `aws sso login`), or set AWS_PROFILE"
# Codes of AWS's common errors, and of STS, that mean the same of every service.
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_UNKNOWN = {
    *("UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure"),
    *("SignatureDoesNotMatch", "InvalidSignatureException", "InvalidAccessKeyId"),
}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}


class CommandRefusedError(Exception):
    """A command is not carried out as things are; the message says what would make it possible."""


class NotDeployedError(CommandRefusedError):
    """Nothing of that environment is deployed there."""


class InterruptionError(Exception):
    """A person pressed Ctrl-C; the message says what goes on, or how to go on."""


def line(error: BaseException) -> str | None:
    """Return what an expected failure means, in one line; None for a fault of this program."""
    if isinstance(error, aws.ClientError):
        return _refusal(error)
    if isinstance(error, (aws.NoCredentialsError, aws.PartialCredentialsError)):
        return f"AWS credentials are missing: {_SIGN_IN}"
    if isinstance(error, _EXPIRED_SIGN_INS):
        return f"AWS credentials have expired: {_SIGN_IN} ({error})"
    if isinstance(error, aws.NoRegionError):
        return "the Region is missing: pass --region, or set AWS_DEFAULT_REGION"
    if isinstance(error, (aws.BotoCoreError, *_expected())):
        return str(error).strip()
    return None


_EXPIRED_SIGN_INS = (
    *(aws.TokenRetrievalError, aws.SSOTokenLoadError, aws.UnauthorizedSSOTokenError),
    aws.CredentialRetrievalError,
)


def _refusal(error: aws.ClientError) -> str:
    found: Any = error.response.get("Error", {})
    code, message = found.get("Code", ""), found.get("Message", "")
    if code in _EXPIRED:
        return f"AWS credentials have expired: {_SIGN_IN}"
    if code in _UNKNOWN:
        return f"AWS does not know these credentials ({code}): {_SIGN_IN}"
    if code in _DENIED:
        return f"not allowed to call {error.operation_name}: {message}"
    return str(error)


def _expected() -> tuple[type[Exception], ...]:
    """Return the errors that the packages behind the commands raise with a reason for people."""
    from functions.block_archive.errors import EXPECTED
    from functions.control_table.lock import LockHeldError
    from functions.control_table.mode import EpochPassedError, NoModeError

    return (
        CommandRefusedError,
        EpochPassedError,
        NoModeError,
        LockHeldError,
        *EXPECTED,
        *_databases(),
    )


def _databases() -> tuple[type[Exception], ...]:
    try:
        from dumps.command import expected
    except ImportError:  # without the databases' client no command reaches a database
        return ()
    return expected()
