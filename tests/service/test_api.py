"""What the API answers: sessions, users, applications, logs, reports, tokens."""

from __future__ import annotations

import base64
import socket
import uuid
from datetime import UTC, datetime, timedelta
from urllib.parse import quote_plus, urlencode

import pytest

from doubles.wire import exchange
from local.one_machine import DOMAIN
from local.waiting import wait_until
from service.stores.session import hash_of
from tests.service.conftest import PASSWORD, SECRET, Tenant


def test_a_session_is_shown_refreshed_and_ended(tenant: Tenant):
    token = tenant.log_in()
    shown = tenant.ask("GET", "/api/v1/sessions/me", token=token).json()
    assert (shown["login"], shown["role"], shown["amr"]) == (tenant.user, "USER", ["pwd"])
    refreshed = tenant.ask("POST", "/api/v1/sessions/me/refresh", token=token).json()
    assert refreshed["expiresAt"] >= shown["expiresAt"]
    assert tenant.ask("DELETE", "/api/v1/sessions/me", token=token).status_code == 204
    for method, path in (("GET", ""), ("POST", "/refresh"), ("DELETE", "")):
        answer = tenant.ask(method, f"/api/v1/sessions/me{path}", token=token)
        assert (answer.status_code, answer.json()["code"]) == (401, "E0000005")


def test_a_login_sets_a_cookie_that_scripts_cannot_read(tenant: Tenant):
    answer = tenant.try_login()
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-")
    assert {"Secure", "HttpOnly", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}
    shown = tenant.ask("GET", "/api/v1/sessions/me", headers={"Cookie": cookie.partition(";")[0]})
    assert shown.status_code == 200


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["stale first", "stale last"])
@pytest.mark.parametrize("between", ["; ", "\r\nCookie: "], ids=["one line", "two lines"])
def test_a_stale_session_beside_a_good_one_locks_nobody_out(tenant: Tenant, order, between):
    stale, good = tenant.log_in(), tenant.log_in()
    assert tenant.ask("DELETE", "/api/v1/sessions/me", token=stale).status_code == 204
    shown = [f"__Host-sid={(stale, good)[one]}" for one in order]
    head = f"GET /api/v1/sessions/me HTTP/1.1\r\nHost: {tenant.label}.{DOMAIN}\r\n"
    cookies = between.join(["Cookie: a=b", *shown, "c=d"])
    request = f"{head}{cookies}\r\nConnection: close\r\n\r\n"
    [answer] = exchange(("127.0.0.1", tenant.api.port), request.encode())
    assert answer.status == 200
    only_stale = request.replace(good, stale)
    [answer] = exchange(("127.0.0.1", tenant.api.port), only_stale.encode())
    assert answer.status == 401


def test_a_token_is_kept_as_a_hash_alone(tenant: Tenant):
    token = tenant.log_in()
    items = tenant.machine.client("dynamodb").scan(TableName="session")["Items"]
    assert items
    assert token not in str(items)


def test_an_old_item_is_read_at_once_and_kept_anew_at_the_next_write(tenant: Tenant):
    token = tenant.log_in()
    dynamodb = tenant.machine.client("dynamodb")
    where = {
        "pk": {"S": f"session#{tenant.id}#{hash_of(token)}"},
        "sk": {"S": "session"},
    }
    dynamodb.update_item(
        TableName="session",
        Key=where,
        UpdateExpression="SET sv = :one REMOVE methods",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
    assert tenant.ask("GET", "/api/v1/sessions/me", token=token).json()["amr"] == ["pwd"]
    tenant.ask("POST", "/api/v1/sessions/me/refresh", token=token)
    item = dynamodb.get_item(TableName="session", Key=where)["Item"]
    assert (item["sv"], item["methods"]) == ({"N": "2"}, {"SS": ["pwd"]})


def test_users_are_made_listed_changed_and_removed(tenant: Tenant, admin: str):
    login = f"{uuid.uuid4().hex}@x"
    given = {
        "login": login.upper(),
        "fullName": "Grace Hopper",
        "password": PASSWORD,
        "attributes": {"department": "compilers", "badges": [1, {"deep": None}], "é": "ü"},
    }
    made = tenant.ask("POST", "/api/v1/users", given, token=admin)
    assert made.status_code == 201, made.text
    user = made.json()
    assert (user["login"], user["attributes"]) == (login, given["attributes"])
    assert tenant.ask("GET", made.headers["Location"], token=admin).json() == user
    query = {"attribute": "department:compilers"}
    found = tenant.ask("GET", "/api/v1/users", token=admin, params=query).json()
    assert user["id"] in [each["id"] for each in found]
    assert tenant.ask("POST", "/api/v1/users", given, token=admin).status_code == 409
    path, whole = f"/api/v1/users/{user['id']}", {"login": login, "fullName": "Rear"}
    refused = tenant.ask("PUT", path, whole, token=admin)
    assert (refused.status_code, refused.json()["code"]) == (400, "E0000001")
    whole |= {"status": "ACTIVE", "role": "USER", "attributes": {}}
    changed = tenant.ask("PUT", path, whole, token=admin).json()
    assert (changed["fullName"], changed["attributes"]) == ("Rear", {})
    assert tenant.log_in(login)  # the password was not given, and so not changed
    assert tenant.ask("DELETE", f"/api/v1/users/{user['id']}", token=admin).status_code == 204
    assert tenant.ask("DELETE", f"/api/v1/users/{user['id']}", token=admin).status_code == 404


def test_a_list_is_paged_to_its_end(tenant: Tenant, admin: str):
    seen: list[str] = []
    path = "/api/v1/users?limit=1"
    while path:
        answer = tenant.ask("GET", path, token=admin)
        seen += [each["login"] for each in answer.json()]
        path = answer.links.get("next", {}).get("url", "")
    assert len(seen) == len(set(seen))
    assert {tenant.admin, tenant.user} <= set(seen)


def test_a_page_s_next_page_keeps_its_filter(tenant: Tenant, admin: str):
    team, seen = uuid.uuid4().hex, []
    for place in range(5):
        attributes = {"team": team} if place % 2 else {}
        given = {"login": f"{uuid.uuid4().hex}@x", "fullName": "X", "attributes": attributes}
        assert tenant.ask("POST", "/api/v1/users", given, token=admin).status_code == 201
    every = {"attribute": f"team:{team}"}
    wait_until(
        lambda: len(tenant.ask("GET", "/api/v1/users", token=admin, params=every).json()) == 2,
        "the reader has them",
    )
    path = f"/api/v1/users?limit=1&attribute=team:{team}"
    while path:
        answer = tenant.ask("GET", path, token=admin)
        seen += [each["attributes"] for each in answer.json()]
        path = answer.links.get("next", {}).get("url", "")
    assert seen == [{"team": team}] * 2


def test_an_application_may_encode_its_secret_as_a_form_does(tenant: Tenant):
    pair = f"{tenant.application}:{quote_plus(SECRET)}".encode()
    headers = {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    data = {"token": "nothing"}
    answer = tenant.ask("POST", "/oauth2/v1/introspect", headers=headers, data=data)
    assert (answer.status_code, answer.json()) == (200, {"active": False})


def test_an_answer_runs_frames_and_keeps_nothing(tenant: Tenant):
    for path in ("/api/v1/sessions/me", "/health/ready", "/nowhere"):
        headers = tenant.ask("GET", path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "max-age" in headers["Strict-Transport-Security"]
        assert headers["Cache-Control"] == "no-store"


def test_a_body_that_comes_too_slowly_is_not_waited_for(tenant: Tenant):
    head = (
        f"POST /api/v1/authn HTTP/1.1\r\nHost: {tenant.label}.{DOMAIN}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    with socket.create_connection(("127.0.0.1", tenant.api.port), timeout=25) as slow:
        slow.sendall(head.encode())
        assert slow.recv(65_536).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("change", [{"password": "another password"}, {"status": "SUSPENDED"}])
def test_a_new_password_or_a_suspension_ends_the_sessions(tenant: Tenant, admin: str, change):
    login = f"{uuid.uuid4().hex}@x"
    given = {"login": login, "fullName": "X", "password": PASSWORD}
    user = tenant.ask("POST", "/api/v1/users", given, token=admin).json()["id"]
    token = wait_until(
        lambda: tenant.try_login(login).json().get("sessionToken"), "a login at the reader"
    )
    assert tenant.ask("PATCH", f"/api/v1/users/{user}", change, token=admin).status_code == 200
    wait_until(
        lambda: tenant.ask("GET", "/api/v1/sessions/me", token=token).status_code == 401,
        "the end of the session",
    )
    wait_until(lambda: tenant.try_login(login).status_code == 401, "the old password's end")


def test_only_administrators_manage_and_everybody_sees_themselves(tenant: Tenant):
    token = tenant.log_in()
    me = tenant.ask("GET", "/api/v1/sessions/me", token=token).json()["userId"]
    assert tenant.ask("GET", f"/api/v1/users/{me}", token=token).json()["login"] == tenant.user
    for method, path in (
        ("GET", "/api/v1/users"),
        ("GET", f"/api/v1/users/{uuid.uuid4()}"),
        ("DELETE", f"/api/v1/users/{me}"),
        ("GET", "/api/v1/logs"),
        ("GET", "/api/v1/reports/logins"),
    ):
        answer = tenant.ask(method, path, token=token)
        assert (answer.status_code, answer.json()["code"]) == (403, "E0000006"), path


def test_applications_with_their_attributes(tenant: Tenant):
    (application,) = tenant.ask("GET", "/api/v1/apps", token=tenant.log_in()).json()
    assert application["attributes"] == {"signOn": "oauth2"}
    assert "secret" not in str(application)


def test_events_by_time_actor_and_kind_page_by_page(tenant: Tenant, admin: str):
    me = tenant.ask("GET", "/api/v1/sessions/me", token=admin).json()["userId"]
    for _ in range(3):
        tenant.log_in(tenant.admin)
    since = (datetime.now(UTC) - timedelta(minutes=10)).isoformat()
    query = {"actor": me, "event": "login", "since": since}
    every = wait_until(
        lambda: found if len(found := tenant.events(admin, **query)) >= 4 else None,
        "the worker's events",
    )
    assert {(each["actor"], each["eventType"]) for each in every} == {(me, "login")}
    assert [each["published"] for each in every] == sorted(each["published"] for each in every)
    seen: list[str] = []
    path = f"/api/v1/logs?{urlencode({**query, 'limit': 2})}"
    while path:
        answer = tenant.ask("GET", path, token=admin)
        seen += [each["uuid"] for each in answer.json()]
        path = answer.links.get("next", {}).get("url", "")
    assert seen[: len(every)] == [each["uuid"] for each in every]
    assert tenant.events(admin, until=since, event="login") == []


def test_logins_counted_by_several_dimensions(tenant: Tenant, admin: str):
    tenant.try_login(password="a wrong one", headers={"User-Agent": "probe/1"})

    def groups(**query: str) -> list[dict]:
        answer = tenant.ask("GET", "/api/v1/reports/logins", token=admin, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["groups"]

    wait_until(lambda: groups(by="outcome", agent="probe"), "the worker's event")
    (group,) = groups(by="outcome,login,client,agent,day", agent="probe")
    assert group.pop("day").startswith(f"{datetime.now(UTC):%Y-%m}")
    assert group == {
        "outcome": "failure",
        "login": tenant.user,
        "client": "127.0.0.1",
        "agent": "probe",
        "count": 1,
    }
    assert groups(by="hour", outcome="nothing like it") == []
    answer = tenant.ask("GET", "/api/v1/reports/logins?by=password_hash", token=admin)
    assert answer.status_code == 400


def test_an_application_asks_what_a_token_is_worth_and_ends_it(tenant: Tenant):
    token, headers = tenant.log_in(), tenant.basic()

    def post(path: str, shown: str, headers: dict[str, str] = headers):
        return tenant.ask("POST", f"/oauth2/v1/{path}", headers=headers, data={"token": shown})

    worth = post("introspect", token).json()
    assert (worth["active"], worth["username"]) == (True, tenant.user)
    assert post("introspect", "nothing").json() == {"active": False}
    refused = post("introspect", token, tenant.basic("a wrong secret"))
    assert (refused.status_code, refused.json()["code"]) == (401, "E0000011")
    assert post("introspect", token, {}).headers["WWW-Authenticate"].startswith("Basic")
    assert post("revoke", token).status_code == post("revoke", "nothing").status_code == 200
    assert post("introspect", token).json() == {"active": False}


def test_a_problem_has_its_code_and_the_id_of_its_request(tenant: Tenant):
    answer = tenant.ask("GET", "/api/v1/nothing", headers={"X-Request-Id": "of-a-test-1234"})
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Request-Id"] == "of-a-test-1234"
    body = answer.json()
    assert (body["status"], body["code"], body["errorId"]) == (404, "E0000008", "of-a-test-1234")
    wrong = tenant.ask("PATCH", "/api/v1/users", {})
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, "GET, HEAD, OPTIONS, POST")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "E0000003"),
        (b"{", 400, "E0000003"),
        (b"\xff", 400, "E0000003"),
        (b'{"username": "\\ud800", "password": "x"}', 400, "E0000003"),
        (b'{"username": "a\\u0000", "password": "x"}', 400, "E0000001"),
        (b'{"username": NaN, "password": "x"}', 400, "E0000003"),
        (b"[" * 60_000, 400, "E0000003"),
        (b"1" * 6_000, 400, "E0000003"),
        (b"[]", 400, "E0000001"),
        (b'{"username": "a"}', 400, "E0000001"),
        (b'{"username": "a", "password": true}', 400, "E0000001"),
        (b'{"username": "a", "password": "x", "more": 1}', 400, "E0000001"),
        (b" " * 65_537, 413, "E0000003"),
    ],
    ids=range(13),
)
def test_a_malformed_or_too_large_body_is_refused(tenant: Tenant, body, status, code):
    headers = {"Content-Type": "application/json"}
    answer = tenant.ask("POST", "/api/v1/authn", headers=headers, data=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_body_without_a_length_is_bounded_as_well(tenant: Tenant):
    def parts():
        for _ in range(100):
            yield b" " * 4_096

    headers = {"Content-Type": "application/json"}
    answer = tenant.ask("POST", "/api/v1/authn", headers=headers, data=parts())
    assert answer.status_code == 413
    assert tenant.try_login().status_code == 200  # the next request is not confused


def test_a_body_of_another_kind_is_refused(tenant: Tenant):
    answer = tenant.ask("POST", "/api/v1/authn", data={"username": "a", "password": "b"})
    assert (answer.status_code, answer.json()["code"]) == (415, "E0000021")
