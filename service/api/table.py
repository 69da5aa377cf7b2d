"""Every endpoint of the service, the hottest paths first: who may call it, and what it needs."""

from service.api import audit_log, authn, health, oauth, problems, users
from service.api.call import Endpoint

_CALLER = ("session", "entity reader, once in 10 s an account")
_READS = ("session", "entity reader")
_WRITES = ("session", "entity writer", "queue")
_CONFLICTS = (problems.TAKEN, problems.CHANGED_MEANWHILE)

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("GET", "/api/v1/sessions/me", authn.get_session, stores=_CALLER),
    Endpoint(
        "DELETE",
        "/api/v1/sessions/me",
        authn.end_session,
        status=204,
        stores=(*_CALLER, "queue"),
    ),
    Endpoint("POST", "/api/v1/sessions/me/refresh", authn.refresh_session, stores=_CALLER),
    Endpoint(
        "POST",
        "/api/v1/authn",
        authn.authenticate,
        access="anyone",
        stores=("entity reader", "session", "queue"),
        problems=(problems.NOT_AUTHENTICATED,),
    ),
    Endpoint(
        "POST",
        "/oauth2/v1/introspect",
        oauth.introspect,
        access="application",
        stores=("entity reader", "session"),
        problems=(problems.NO_CLIENT,),
    ),
    Endpoint(
        "POST",
        "/oauth2/v1/revoke",
        oauth.revoke,
        access="application",
        stores=("entity reader", "session", "queue"),
        problems=(problems.NO_CLIENT,),
    ),
    Endpoint("GET", "/health/ready", health.ready, access="none"),
    Endpoint(
        "GET",
        "/health/login",
        health.can_log_in,
        access="none",
        stores=("entity reader", "session", "queue"),
    ),
    Endpoint("GET", "/openapi.json", health.document, access="none"),
    Endpoint("GET", "/api/v1/users", users.list_users, access="admin", stores=_READS),
    Endpoint(
        "POST",
        "/api/v1/users",
        users.make_user,
        access="admin",
        writes=True,
        stores=_WRITES,
        status=201,
        problems=(problems.TAKEN,),
    ),
    Endpoint(
        "POST",
        "/api/v1/users/me/password",
        users.change_own_password,
        writes=True,
        stores=("entity reader", *_WRITES),
        problems=(problems.WRONG_PASSWORD, problems.CHANGED_MEANWHILE),
    ),
    Endpoint(
        "GET",
        "/api/v1/users/{id}",
        users.get_user,
        stores=(*_READS, "entity writer, where the reader does not have it"),
        problems=(problems.FORBIDDEN,),
    ),
    Endpoint(
        "PUT",
        "/api/v1/users/{id}",
        users.replace_user,
        access="admin",
        writes=True,
        stores=_WRITES,
        problems=_CONFLICTS,
    ),
    Endpoint(
        "PATCH",
        "/api/v1/users/{id}",
        users.change_user,
        access="admin",
        writes=True,
        stores=_WRITES,
        problems=_CONFLICTS,
    ),
    Endpoint(
        "DELETE",
        "/api/v1/users/{id}",
        users.remove_user,
        access="admin",
        writes=True,
        stores=_WRITES,
        status=204,
        problems=(problems.LAST_ADMINISTRATOR,),
    ),
    Endpoint("GET", "/api/v1/apps", users.list_applications, stores=_READS),
    Endpoint(
        "GET",
        "/api/v1/logs",
        audit_log.list_events,
        access="admin",
        stores=("session", "transaction reader", "queue"),
    ),
    Endpoint(
        "GET",
        "/api/v1/reports/logins",
        audit_log.count_logins,
        access="admin",
        stores=("session", "reporting", "queue"),
    ),
)
