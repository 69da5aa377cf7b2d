"""OAuth 2 for applications: what a token is worth (RFC 7662), and the end of one (RFC 7009)."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form

from service.api.call import Call
from service.api.models import TokenForm, TokenState


async def introspect(call: Call, form: Annotated[TokenForm, Form()]) -> TokenState:
    """Answer what a token is worth, for an application that shows its secret (RFC 7662)."""
    caller = await call.runtime.sessions.caller(call.tenant, form.token)
    if caller is None:
        return TokenState(active=False)
    session = caller.session
    return TokenState(
        active=True,
        token_type="Bearer",  # noqa: S106 (a type, no secret)
        sub=str(session.account),
        username=session.login,
        iat=session.created,
        exp=session.expires,
        iss=f"https://{call.tenant.host}.{call.runtime.settings.domain}",
    )


async def revoke(call: Call, form: Annotated[TokenForm, Form()]) -> dict[str, str]:
    """End a token, for an application that shows its secret (RFC 7009).

    The answer is the same where it is no token.
    """
    caller = await call.runtime.sessions.caller(call.tenant, form.token)
    if caller is not None:
        await call.runtime.sessions.end(call.tenant, caller.session)
        await call.record(
            "token.revoke",
            "success",
            login=caller.session.login,
            detail={"user": str(caller.session.account)},
        )
    return {}
