"""Every endpoint of the service, the hottest paths first: who may call it, and what it needs."""

from service.api import audit_log, authn, health, oauth, problems, users
from service.api.call import Endpoint

_CALLER = ("session", "entity reader, once in 10 s an account")
_READS = ("session", "entity reader")
_WRITES = ("session", "entity writer", "queue")
_CONFLICTS = (problems.TAKEN, problems.CHANGED_MEANWHILE)

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/v1/sessions/me",
        handler=authn.get_session,
        stores=_CALLER,
    ),
    Endpoint(
        method="DELETE",
        path="/api/v1/sessions/me",
        handler=authn.end_session,
        status=204,
        stores=(*_CALLER, "queue"),
    ),
    Endpoint(
        method="POST",
        path="/api/v1/sessions/me/refresh",
        handler=authn.refresh_session,
        stores=_CALLER,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/authn",
        handler=authn.authenticate,
        access="anyone",
        stores=("entity reader", "session", "queue"),
        problems=(problems.NOT_AUTHENTICATED,),
    ),
    Endpoint(
        method="POST",
        path="/oauth2/v1/introspect",
        handler=oauth.introspect,
        access="application",
        stores=("entity reader", "session"),
        problems=(problems.NO_CLIENT,),
    ),
    Endpoint(
        method="POST",
        path="/oauth2/v1/revoke",
        handler=oauth.revoke,
        access="application",
        stores=("entity reader", "session", "queue"),
        problems=(problems.NO_CLIENT,),
    ),
    Endpoint(
        method="GET",
        path="/health/ready",
        handler=health.ready,
        access="none",
    ),
    Endpoint(
        method="GET",
        path="/health/login",
        handler=health.can_log_in,
        access="none",
        stores=("entity reader", "session", "queue"),
    ),
    Endpoint(
        method="GET",
        path="/openapi.json",
        handler=health.document,
        access="none",
    ),
    Endpoint(
        method="GET",
        path="/api/v1/users",
        handler=users.list_users,
        access="admin",
        stores=_READS,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/users",
        handler=users.make_user,
        access="admin",
        writes=True,
        stores=_WRITES,
        status=201,
        problems=(problems.TAKEN,),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/users/{id}",
        handler=users.get_user,
        stores=(*_READS, "entity writer, where the reader does not have it"),
        problems=(problems.FORBIDDEN,),
    ),
    Endpoint(
        method="PUT",
        path="/api/v1/users/{id}",
        handler=users.replace_user,
        access="admin",
        writes=True,
        stores=_WRITES,
        problems=_CONFLICTS,
    ),
    Endpoint(
        method="PATCH",
        path="/api/v1/users/{id}",
        handler=users.change_user,
        access="admin",
        writes=True,
        stores=_WRITES,
        problems=_CONFLICTS,
    ),
    Endpoint(
        method="DELETE",
        path="/api/v1/users/{id}",
        handler=users.remove_user,
        access="admin",
        writes=True,
        stores=_WRITES,
        status=204,
        problems=(problems.LAST_ADMINISTRATOR,),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/apps",
        handler=users.list_applications,
        stores=_READS,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/logs",
        handler=audit_log.list_events,
        access="admin",
        stores=("session", "transaction reader"),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/reports/logins",
        handler=audit_log.count_logins,
        access="admin",
        stores=("session", "reporting"),
    ),
)
