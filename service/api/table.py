"""Every endpoint of the service, the hottest paths first: who may call it, and what it needs."""

from functools import partial

from service.api import audit_log, authn, health, oauth, problems, users
from service.api.call import Endpoint

# Nobody types so many logins at once from an address; applications ask about tokens for all users.
_LOGINS, _TOKENS = 10, 128
_SESSION_OF_CALLER = ("session", "entity reader, once in 10 s an account")
_LOGIN = ("entity reader", "session", "queue")
_READS = ("session", "entity reader")
_WRITES = ("session", "entity writer", "queue")
_ME, _USERS, _USER = "/api/v1/sessions/me", "/api/v1/users", "/api/v1/users/{id}"
_CONFLICTS = (problems.TAKEN, problems.CHANGED_MEANWHILE)
_NO_CLIENT = (problems.NO_CLIENT,)

_open = partial(Endpoint, access="none")
_session = partial(Endpoint, at_once=_TOKENS, stores=_SESSION_OF_CALLER)
_application = partial(Endpoint, access="application", at_once=_TOKENS, problems=_NO_CLIENT)
_admin = partial(Endpoint, access="admin")
_admin_writes = partial(Endpoint, access="admin", writes=True, stores=_WRITES)

ENDPOINTS: tuple[Endpoint, ...] = (
    _session("GET", _ME, authn.get_session),
    _session("DELETE", _ME, authn.end_session, status=204, stores=(*_SESSION_OF_CALLER, "queue")),
    _session("POST", f"{_ME}/refresh", authn.refresh_session),
    Endpoint(
        "POST",
        "/api/v1/authn",
        authn.authenticate,
        access="anyone",
        at_once=_LOGINS,
        stores=_LOGIN,
        problems=(problems.NOT_AUTHENTICATED,),
    ),
    _application("POST", "/oauth2/v1/introspect", oauth.introspect, stores=_LOGIN[:2]),
    _application("POST", "/oauth2/v1/revoke", oauth.revoke, stores=_LOGIN),
    _open("GET", "/health/ready", health.ready),
    _open("GET", "/health/login", health.can_log_in, stores=_LOGIN),
    _open("GET", "/openapi.json", health.document),
    _admin("GET", _USERS, users.list_users, stores=_READS),
    _admin_writes("POST", _USERS, users.make_user, status=201, problems=(problems.TAKEN,)),
    Endpoint(
        "POST",
        f"{_USERS}/me/password",
        users.change_own_password,
        at_once=_LOGINS,
        writes=True,
        stores=("entity reader", *_WRITES),
        problems=(problems.WRONG_PASSWORD, problems.CHANGED_MEANWHILE),
    ),
    Endpoint(
        "GET",
        _USER,
        users.get_user,
        stores=(*_READS, "entity writer, where the reader does not have it"),
        problems=(problems.FORBIDDEN,),
    ),
    _admin_writes("PUT", _USER, users.replace_user, problems=_CONFLICTS),
    _admin_writes("PATCH", _USER, users.change_user, problems=_CONFLICTS),
    _admin_writes(
        "DELETE", _USER, users.remove_user, status=204, problems=(problems.LAST_ADMINISTRATOR,)
    ),
    Endpoint("GET", "/api/v1/apps", users.list_applications, stores=_READS),
    _admin(
        "GET",
        "/api/v1/logs",
        audit_log.list_events,
        stores=("session", "transaction reader", "queue"),
    ),
    _admin(
        "GET",
        "/api/v1/reports/logins",
        audit_log.count_logins,
        stores=("session", "reporting", "queue"),
    ),
)
