"""What may be a password and a login, and how people change their own password."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from typing import Any

import pytest
import requests

from local.one_machine import OneMachine, Process
from local.waiting import wait_until
from service.logins import normalised
from service.passwords import WeakPasswordError, require_strong
from tests.service.conftest import PASSWORD, Tenant

NEW = "seven new words of my own"


@pytest.fixture
def own(machine: OneMachine, api: Process) -> Tenant:
    return Tenant(machine, api, f"p{uuid.uuid4().hex[:12]}")


def _make(tenant: Tenant, token: str, **given: Any) -> requests.Response:
    body = {"login": f"{uuid.uuid4().hex}@x", "fullName": "X", "password": PASSWORD, **given}
    return tenant.ask("POST", "/api/v1/users", body, token=token)


def _change(tenant: Tenant, token: str, current: str, new: str) -> requests.Response:
    body = {"currentPassword": current, "newPassword": new}
    return tenant.ask("POST", "/api/v1/users/me/password", body, token=token)


# --------------------------------------------------------------------------- what may be a password


@pytest.mark.parametrize(
    "password",
    [
        *("nineteen words"[:14], "x" * 257, "passwordpassword", "123456789012345", "a" * 20),
        *("qwertyuiopasdfgh", "iloveyouiloveyou", "Letmeinletmein1", "trustno1trustno1"),
        *("grace.h@hopper.example", "GRACE.H@hopper.example", "elpmaxe.reppoh@h.ecarg"),
        *("\N{FULLWIDTH LATIN SMALL LETTER P}asswordpassword", "x" * 72 + NEW),
    ],
)
def test_a_short_common_or_easily_guessed_password_is_refused(
    tenant: Tenant, admin: str, password: str
):
    login = "grace.h@hopper.example"
    refused = _make(tenant, admin, login=login, password=password)
    assert refused.status_code == 400, refused.text
    assert "password" in refused.json()["errorCauses"][0]["errorSummary"].lower()
    assert password not in refused.text


def test_the_login_of_the_store_is_what_a_change_is_compared_with(tenant: Tenant, admin: str):
    login = f"{uuid.uuid4().hex}@x"
    made = _make(tenant, admin, login=login).json()
    path = f"/api/v1/users/{made['id']}"
    assert tenant.ask("PATCH", path, {"password": login}, token=admin).status_code == 400
    assert tenant.ask("PATCH", path, {"password": NEW}, token=admin).status_code == 200


@pytest.mark.parametrize(
    ("kept", "typed"),
    [
        (
            "caf\N{LATIN SMALL LETTER E WITH ACUTE} of five new words",
            "cafe\u0301 of five new words",
        ),
        ("\N{LATIN SMALL LIGATURE FI}ve new words of mine", "five new words of mine"),
        ("seven new words ①②③", "seven new words 123"),
    ],
)
def test_a_password_is_the_same_from_every_keyboard(
    tenant: Tenant, admin: str, kept: str, typed: str
):
    login = f"{uuid.uuid4().hex}@x"
    assert _make(tenant, admin, login=login, password=kept).status_code == 201
    wait_until(lambda: tenant.try_login(login, kept).status_code == 200, "the reader has it")
    assert tenant.try_login(login, typed).status_code == 200
    assert tenant.try_login(login, f"{typed} ").status_code == 401


def test_fifteen_characters_are_enough_and_256_are_not_too_many():
    require_strong("koala trombonej", "a@x")
    require_strong("koala trombone juniper" + "k7" * 117, "a@x")
    with pytest.raises(WeakPasswordError, match="at least 15"):
        require_strong("koala trombone", "a@x")


# ------------------------------------------------------------------------------- one's own password


def test_a_user_changes_the_own_password_and_every_other_session_ends(own: Tenant):
    elsewhere = own.machine.api()
    try:
        token, other = own.log_in(), own.log_in()
        me = "/api/v1/sessions/me"
        assert own.ask("GET", me, token=other, api=elsewhere).status_code == 200
        changed = _change(own, token, PASSWORD, NEW)
        assert changed.status_code == 200, changed.text
        anew = changed.json()["sessionToken"]
        assert anew in changed.headers["Set-Cookie"]
        for each in (token, other):
            assert own.ask("GET", me, token=each).status_code == 401
            wait_until(
                lambda each=each: own.ask("GET", me, token=each, api=elsewhere).status_code == 401,
                "the old sessions have ended elsewhere",
                seconds=14,
            )
            assert own.ask("GET", me, token=anew, api=elsewhere).status_code == 200
        wait_until(lambda: own.try_login(password=NEW).status_code == 200, "the new password")
        assert own.try_login().status_code == 401
        admin = own.log_in(own.admin)
        [event] = wait_until(lambda: own.events(admin, event="password.change"), "its event")
        user = own.ask("GET", me, token=anew).json()["userId"]
        assert (event["outcome"], event["actor"]) == ("success", user)
        assert event["detail"]["user"] == user
        assert event["detail"]["revoked"] is True
    finally:
        elsewhere.kill()


def test_the_own_password_is_changed_by_who_knows_it_alone_and_guesses_are_limited(own: Tenant):
    token = own.log_in()
    for place in range(10):
        wrong = _change(own, token, f"a wrong password {place}", NEW)
        assert (wrong.status_code, wrong.json()["code"]) == (403, "E0000014"), wrong.text
    assert _change(own, token, PASSWORD, NEW).status_code == 429
    admin = own.log_in(own.admin)
    outcomes = wait_until(
        lambda: (
            found
            if len(found := [e["outcome"] for e in own.events(admin, event="password.change")])
            == 11
            else None
        ),
        "each refusal is an event",
    )
    assert sorted(outcomes) == [*["failure"] * 10, "limited"]
    assert own.log_in(own.admin), "nobody else is limited"


def test_a_weak_new_password_changes_nothing(own: Tenant):
    token = own.log_in()
    assert _change(own, token, PASSWORD, "passwordpassword").status_code == 400
    assert own.ask("GET", "/api/v1/sessions/me", token=token).status_code == 200
    assert own.try_login().status_code == 200


def test_the_own_password_changes_after_the_login_was_renamed(own: Tenant):
    token, admin = own.log_in(), own.log_in(own.admin)
    user = own.ask("GET", "/api/v1/sessions/me", token=token).json()["userId"]
    renamed = f"{uuid.uuid4().hex}@x"
    path = f"/api/v1/users/{user}"
    assert own.ask("PATCH", path, {"login": renamed}, token=admin).status_code == 200
    wait_until(lambda: own.try_login(renamed).status_code == 200, "the reader has it")
    assert _change(own, token, PASSWORD, NEW).status_code == 200


# ------------------------------------------------------------------------------ what may be a login


@pytest.mark.parametrize(
    "login",
    [
        *("ada\u200b@x", "ada\u202e@x", "ada lovelace", "ada\u00ad@x", "ada\ufeff", "\u2060ada"),
        *("ada\u0007", "\u3164", "ada\U000e0061", "", "  "),
    ],
)
def test_no_login_has_a_space_or_what_cannot_be_seen(tenant: Tenant, admin: str, login: str):
    refused = _make(tenant, admin, login=login)
    assert refused.status_code == 400, refused.text
    assert "login" in refused.json()["errorCauses"][0]["errorSummary"]
    assert tenant.try_login(login or " ").status_code == 400


@pytest.mark.parametrize(
    "other",
    [
        "\N{FULLWIDTH LATIN CAPITAL LETTER Z}o\N{LATIN SMALL LETTER E WITH DIAERESIS}",
        "Zoe\u0308",
        " zo\N{LATIN CAPITAL LETTER E WITH DIAERESIS} ",
    ],
)
def test_a_login_is_one_in_every_spelling(tenant: Tenant, admin: str, other: str):
    name = uuid.uuid4().hex
    plain = f"zo\N{LATIN SMALL LETTER E WITH DIAERESIS}{name}"
    other = other.rstrip() + name
    made = _make(tenant, admin, login=other)
    assert (made.status_code, made.json()["login"]) == (201, plain)
    assert _make(tenant, admin, login=plain).status_code == 409
    wait_until(lambda: tenant.try_login(plain).status_code == 200, "the reader has it")
    assert tenant.try_login(other).json()["user"]["login"] == plain
    own = tenant.ask("PATCH", made.headers["Location"], {"login": other}, token=admin)
    assert own.json()["login"] == plain


def test_logins_kept_in_another_form_are_found_before_a_release():
    """The way for rows that are there: docs/service.md's command prints those to rename."""
    kept = ["t|ada@x", "t|Ada@x", "t|ada lovelace", "u|zoe\u0308"]
    done = subprocess.run(
        [sys.executable, "-m", "service.logins"],
        input="\n".join(kept),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    found = [line.split("|") for line in done.stderr.splitlines()]
    assert done.returncode == 1
    assert found[0] == ["t", "Ada@x", "ada@x"]
    assert found[1][:2] == ["t", "ada lovelace"]
    assert "RFC 8265" in found[1][2]
    assert found[2] == ["u", "zoe\u0308", normalised("zoe\u0308")]


@pytest.mark.parametrize(
    ("admin", "password", "reason"),
    [
        ("ada@acme", "nanoseconds", "at least 15"),
        ("ada lovelace", PASSWORD, "RFC 8265"),
        ("ada@acme.example.org", "ada@acme.example.org", "should not be the login"),
    ],
)
def test_the_first_administrator_is_held_to_the_same(admin: str, password: str, reason: str):
    done = subprocess.run(
        [sys.executable, "-m", "service.seed", "--tenant", "t", "--admin", admin],
        env={"SEED_PASSWORD": password},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert reason in done.stderr
    assert json.dumps(password) not in done.stdout
