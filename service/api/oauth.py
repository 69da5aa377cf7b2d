"""OAuth 2 for applications: what a token is worth (RFC 7662), and the end of one (RFC 7009)."""

from __future__ import annotations

from service.api import problems
from service.api.call import Answer, Call, Endpoint
from service.api.tenancy import require_application

_FORM = {
    "type": "object",
    "required": ["token"],
    "properties": {
        "token": {"type": "string", "minLength": 1, "maxLength": 256},
        "token_type_hint": {"type": "string", "maxLength": 64},
    },
}


async def introspect(call: Call) -> Answer:
    """Whether a token is a valid session of this tenant, and whose."""
    await require_application(call)
    given = await call.body()
    caller = await call.runtime.sessions.caller(call.tenant, given["token"])
    if caller is None:
        return Answer({"active": False})
    session = caller.session
    return Answer(
        {
            "active": True,
            "token_type": "Bearer",
            "sub": str(session.account),
            "username": session.login,
            "iat": session.created,
            "exp": session.expires,
            "iss": f"https://{call.tenant.host}.{call.runtime.settings.domain}",
        }
    )


async def revoke(call: Call) -> Answer:
    """End the session of a token; of one that is none, the answer is the same."""
    application = await require_application(call)
    given = await call.body()
    caller = await call.runtime.sessions.caller(call.tenant, given["token"])
    if caller is not None:
        call.caller = caller
        await call.runtime.sessions.end(call.tenant, caller.session)
        await call.runtime.tell(
            call, "token.revoke", "success", detail={"application": str(application)}
        )
    return Answer(status=200, body={})


_STORES = ("entity reader", "session")
ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/oauth2/v1/introspect",
        name="introspect",
        summary="What a token is worth, for an application that shows its secret (RFC 7662)",
        act=introspect,
        access="application",
        stores=_STORES,
        body=_FORM,
        form=True,
        answer={
            "type": "object",
            "required": ["active"],
            "properties": {"active": {"type": "boolean"}},
        },
        problems=(problems.NO_CLIENT,),
    ),
    Endpoint(
        method="POST",
        path="/oauth2/v1/revoke",
        name="revoke",
        summary="End a token, for an application that shows its secret (RFC 7009)",
        act=revoke,
        access="application",
        stores=(*_STORES, "queue"),
        body=_FORM,
        form=True,
        answer={"type": "object"},
        problems=(problems.NO_CLIENT,),
    ),
)
