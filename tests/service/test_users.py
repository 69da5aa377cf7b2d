"""Changes of users: what is not named stays, nothing is overwritten unseen, one admin stays."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from local.one_machine import DATABASE, DOMAIN, OneMachine, Process
from local.waiting import wait_until
from tests.service.conftest import PASSWORD, Tenant


@pytest.fixture
def own(machine: OneMachine, api: Process) -> Tenant:
    """A tenant of its own, for what a test does to its administrators."""
    return Tenant(machine, api, f"u{uuid.uuid4().hex[:12]}")


def _made(tenant: Tenant, token: str, **more: Any) -> requests.Response:
    given = {"login": f"{uuid.uuid4().hex}@x", "fullName": "X", "password": PASSWORD, **more}
    made = tenant.ask("POST", "/api/v1/users", given, token=token)
    assert made.status_code == 201, made.text
    return made


def _id(tenant: Tenant, token: str) -> str:
    return tenant.ask("GET", "/api/v1/sessions/me", token=token).json()["userId"]


def test_a_rename_leaves_everything_else_as_it_is(tenant: Tenant, admin: str):
    """The suspended stay suspended, administrators stay administrators, attributes stay."""
    given = {"status": "SUSPENDED", "role": "ADMIN", "attributes": {"team": "compilers"}}
    made = _made(tenant, admin, **given)
    changed = tenant.ask("PATCH", made.headers["Location"], {"fullName": "New"}, token=admin)
    assert changed.status_code == 200, changed.text
    differing = {"fullName": "New", "lastUpdated": changed.json()["lastUpdated"]}
    assert changed.json() == made.json() | differing
    for missing in _WHOLE:
        partial = {name: made.json()[name] for name in _WHOLE - {missing}}
        refused = tenant.ask("PUT", made.headers["Location"], partial, token=admin)
        assert (refused.status_code, missing in refused.text) == (400, True), refused.text
    assert tenant.ask("GET", made.headers["Location"], token=admin).json()["role"] == "ADMIN"


def test_what_another_has_changed_meanwhile_is_not_overwritten(tenant: Tenant, admin: str):
    made = _made(tenant, admin)
    path, seen = made.headers["Location"], {"If-Match": made.headers["ETag"]}
    first = tenant.ask("PATCH", path, {"fullName": "1"}, token=admin, headers=seen)
    assert first.status_code == 200, first.text
    for method, body in (
        ("PATCH", {"fullName": "2"}),
        ("PUT", {k: v for k, v in made.json().items() if k in _WHOLE} | {"fullName": "2"}),
    ):
        late = tenant.ask(method, path, body, token=admin, headers=seen)
        assert late.status_code == 412, late.text
    assert late.headers["Content-Type"] == "application/problem+json"
    anew = {"If-Match": first.headers["ETag"]}
    third = tenant.ask("PATCH", path, {"fullName": "3"}, token=admin, headers=anew)
    assert third.status_code == 200
    shown = wait_until(
        lambda: (
            found
            if (found := tenant.ask("GET", path, token=admin)).json()["fullName"] == "3"
            else None
        ),
        "the reader has it",
    )
    again = {"If-Match": shown.headers["ETag"]}
    assert tenant.ask("PATCH", path, {}, token=admin, headers=again).status_code == 200
    unknown = f"/api/v1/users/{uuid.uuid4()}"
    assert tenant.ask("PATCH", unknown, {}, token=admin, headers=again).status_code == 404
    assert tenant.ask("PATCH", path, {}, token=admin, headers={"If-Match": "x"}).status_code == 412


_WHOLE = {"login", "fullName", "status", "role", "attributes"}


@pytest.mark.parametrize("body", [{"role": "USER"}, {"status": "SUSPENDED"}, None])
def test_the_last_administrator_stays(own: Tenant, body: dict[str, str] | None):
    admin = own.log_in(own.admin)
    path = f"/api/v1/users/{_id(own, admin)}"
    method = "PATCH" if body else "DELETE"
    refused = own.ask(method, path, body, token=admin)
    assert refused.status_code == 409, refused.text
    _made(own, admin, role="ADMIN")
    assert own.ask(method, path, body, token=admin).status_code in (200, 204)


def _asked_at_once(
    own: Tenant, account: str, first: Callable[[], Any], second: Callable[[], Any]
) -> tuple[int, int]:
    """Return the statuses of two writes, the second begun while the first waits for a row.

    On a busy machine the first may wait for too long, and is not made: then both are asked again.
    """
    server = own.machine.databases["entity-a"]
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND datname = current_database() AND usename = 'app_writer'"
    )
    for _ in range(5):
        with ThreadPoolExecutor(2) as pool, server.connect(DATABASE) as connection:
            with connection.transaction():
                connection.execute("SELECT FROM account WHERE id = %s FOR UPDATE", (account,))
                asked = [pool.submit(first)]
                wait_until(lambda: server.value(waiting, database=DATABASE) == 1, "the first")
                asked.append(pool.submit(second))
                wait_until(
                    lambda asked=asked: (
                        any(each.done() for each in asked)
                        or server.value(waiting, database=DATABASE) == 2
                    ),
                    "the second",
                )
            statuses = asked[0].result().status_code, asked[1].result().status_code
        if statuses[0] != 503:
            return statuses
    raise AssertionError("the first write never had its turn")


def test_two_administrators_cannot_remove_each_other_at_once(own: Tenant):
    """Both have passed every check of before when the first of them is made."""
    admin = own.log_in(own.admin)
    other = _made(own, admin, role="ADMIN").json()
    token = wait_until(
        lambda: own.try_login(other["login"]).json().get("sessionToken"), "the reader has it"
    )
    me, http = _id(own, admin), requests.Session()

    def remove(account: str, by: str) -> requests.Response:
        headers = {"Host": f"{own.label}.{DOMAIN}", "Authorization": f"Bearer {by}"}
        url = f"http://127.0.0.1:{own.api.port}/api/v1/users/{account}"
        return http.delete(url, headers=headers, timeout=30)

    first, second = _asked_at_once(
        own, other["id"], lambda: remove(other["id"], admin), lambda: remove(me, token)
    )
    # The one that comes second is no administrator any more.
    assert (first, second) in ((204, 401), (204, 403))
    left = "SELECT count(*) FROM account WHERE tenant_id = %s AND role = 'ADMIN'"
    assert own.machine.databases["entity-a"].value(left, own.id, database=DATABASE) == 1


@pytest.mark.parametrize("change", [{"role": "USER"}, {"status": "SUSPENDED"}, None])
def test_a_removed_administrator_makes_no_new_one(own: Tenant, change: dict[str, str] | None):
    """At once, whatever its process remembers of its session and its standing."""
    admin = own.log_in(own.admin)
    other = _made(own, admin, role="ADMIN").json()
    token = wait_until(
        lambda: own.try_login(other["login"]).json().get("sessionToken"), "the reader has it"
    )
    elsewhere = own.machine.api()
    try:
        seen = own.ask("GET", "/api/v1/users", token=token, api=elsewhere)
        assert seen.status_code == 200, seen.text
        path = f"/api/v1/users/{other['id']}"
        done = own.ask("PATCH" if change else "DELETE", path, change, token=admin)
        assert done.status_code in (200, 204), done.text
        given = {"login": f"{uuid.uuid4().hex}@x", "fullName": "X", "role": "ADMIN"}
        for method, to, body in (
            ("POST", "/api/v1/users", given),
            ("PATCH", path, {"role": "ADMIN"}),
            ("DELETE", f"/api/v1/users/{_id(own, admin)}", None),
        ):
            refused = own.ask(method, to, body, token=token, api=elsewhere)
            assert refused.status_code == 403, refused.text
    finally:
        elsewhere.kill()


def test_the_log_has_what_a_change_changed_and_who_was_refused(own: Tenant):
    admin = own.log_in(own.admin)
    made = _made(own, admin).json()
    change = {"role": "ADMIN", "status": "SUSPENDED"}
    own.ask("PATCH", f"/api/v1/users/{made['id']}", change, token=admin)
    user = own.log_in()
    assert own.ask("GET", "/api/v1/logs", token=user).status_code == 403
    wrong = own.basic("a wrong secret")
    own.ask("POST", "/oauth2/v1/introspect", headers=wrong, data={"token": user})
    own.ask("POST", "/oauth2/v1/revoke", headers=own.basic(), data={"token": user})
    own.events(admin)
    assert own.ask("GET", "/api/v1/reports/logins", token=admin).status_code == 200
    mine = own.ask("DELETE", f"/api/v1/users/{_id(own, admin)}", token=admin)
    assert mine.status_code == 409

    def complete() -> dict[str, list[dict[str, Any]]]:
        by_kind: dict[str, list[dict[str, Any]]] = {}
        for event in own.events(admin, limit=1_000):
            by_kind.setdefault(event["eventType"], []).append(event)
        wanted = {"user.create": 1, "user.change": 1, "access": 3, "token.revoke": 1, "log.read": 1}
        wanted["report.read"] = 1
        return (
            by_kind
            if all(len(by_kind.get(kind, [])) >= count for kind, count in wanted.items())
            else {}
        )

    events = wait_until(complete, "every event")
    (changed,) = events["user.change"]
    old, new = changed["detail"]["old"], changed["detail"]["new"]
    assert old == {"login": made["login"], "status": "ACTIVE", "role": "USER"}
    assert new == old | change
    assert {event["outcome"] for event in events["access"]} == {"refused"}
    assert {event["detail"]["endpoint"] for event in events["access"]} == {
        "listEvents",
        "introspect",
        "removeUser",
    }
    (wrong_secret,) = (e for e in events["access"] if e["detail"]["endpoint"] == "introspect")
    assert (wrong_secret["actor"], wrong_secret["detail"]["application"]) == (None, own.application)
    (report,) = events["report.read"]
    assert (report["actor"], report["detail"]["by"]) == (_id(own, admin), "outcome")
    (revoked,) = events["token.revoke"]
    assert revoked["actor"] == own.application
    assert events["log.read"][0]["actor"] == _id(own, admin)


def test_a_limit_that_is_reached_is_an_event_and_a_flood_of_them_is_one(own: Tenant):
    """More logins of one person at once than may be under way."""
    with ThreadPoolExecutor(40) as pool:
        answers = [*pool.map(lambda _: own.try_login(own.user, "x" * 20), range(40))]
    assert {answer.status_code for answer in answers} == {401, 429}
    admin = own.log_in(own.admin)

    def limited() -> list[dict[str, Any]]:
        return [e for e in own.events(admin, event="access") if e["outcome"] == "limited"]

    event, *more = wait_until(limited, "the event")
    assert event["detail"]["endpoint"] == "authenticate"
    assert len(more) <= 1, "one a minute"


def test_who_is_removed_meanwhile_makes_no_administrator(own: Tenant):
    """The removal holds the tenant's lock and waits for a row; the other write waits for both."""
    admin = own.log_in(own.admin)
    other = _made(own, admin, role="ADMIN").json()
    token = wait_until(
        lambda: own.try_login(other["login"]).json().get("sessionToken"), "the reader has it"
    )
    elsewhere, login = own.machine.api(), f"{uuid.uuid4().hex}@x"
    assert own.ask("GET", "/api/v1/users", token=token, api=elsewhere).status_code == 200

    def make() -> requests.Response:
        return requests.post(
            f"http://127.0.0.1:{elsewhere.port}/api/v1/users",
            json={"login": login, "fullName": "X", "role": "ADMIN"},
            headers={"Host": f"{own.label}.{DOMAIN}", "Authorization": f"Bearer {token}"},
            timeout=30,
        )

    try:
        found = _asked_at_once(
            own,
            other["id"],
            lambda: own.ask("DELETE", f"/api/v1/users/{other['id']}", token=admin),
            make,
        )
    finally:
        elsewhere.kill()
    assert found == (204, 403)
    made = "SELECT FROM account WHERE login = %s"
    assert own.machine.databases["entity-a"].rows(made, login, database=DATABASE) == []
