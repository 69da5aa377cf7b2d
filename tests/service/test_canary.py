"""The canary logs in as a user does: on the real service, and on halves that are made up."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from local.one_machine import DATABASE, DOMAIN, OneMachine, Process
from local.postgres import ADMINISTRATOR
from local.waiting import wait_until
from service.operations import canary, logins
from service.operations.half_client import HalfClient
from service.operations.logins import CanaryClient, CanaryLogin
from service.operations.node import DeclinedError
from service.operations.operator import Operator
from tests.service.operations.nodes import node_on

WORD = "kD8sPq2LmXvR7tYw3nZb6cHj9gFa4eUo1iTx5rQy"
OTHER = "another-word-which-nobody-guesses-8Xc2vB"
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def set_password(machine: OneMachine, word: str) -> str:
    node = node_on("entity-a", machine.databases["entity-a"])
    with Operator({node.name: node}, timeout=30) as operator:
        return canary.set_password(operator, word)


@pytest.fixture
def client(machine: OneMachine, api: Process, monkeypatch) -> Callable[[str], CanaryClient]:
    """The canary on the API's process, which has no load balancer before it."""

    def connect(_: HalfClient) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", api.port, timeout=30)

    monkeypatch.setattr(HalfClient, "_connect", connect)
    variables = {
        "APP_ADDRESS": "app:443",
        "APP_NAME": f"app.{DOMAIN}",
        "TEST_HEADER": "X-Edge-Half",
    }
    return lambda word: CanaryClient(variables, word, half="green")


def test_the_canary_logs_in_with_its_secrets_password_and_leaves_no_session(machine, client):
    assert set_password(machine, WORD) == "made"
    assert set_password(machine, WORD) == "there already"
    wait_until(lambda: not client(WORD).log_in().wrong, "the readers have the canary")
    assert client(OTHER).log_in().wrong == "login 401 E0000004"
    assert set_password(machine, OTHER) == "has its secret's password"
    wait_until(lambda: not client(OTHER).log_in().wrong, "the readers have the new password")
    assert client(WORD).log_in().wrong == "login 401 E0000004"


def test_whoever_guesses_at_the_canary_does_not_keep_it_out(machine, client):
    """Its device is known once it has logged in, and until then it works for a stamp."""
    set_password(machine, WORD)
    known = client(WORD)
    wait_until(lambda: not known.log_in().wrong, "the readers have the canary")
    guesses = [client(OTHER).log_in().wrong for _ in range(12)]
    assert guesses[0] == "login 401 E0000004"
    stranger = client(WORD)
    assert [known.log_in().wrong, stranger.log_in().wrong, stranger.log_in().wrong] == ["", "", ""]


def test_a_tenant_that_is_a_customers_is_not_made_the_canarys(machine):
    set_password(machine, WORD)
    server = machine.databases["entity-a"]
    with psycopg.connect(server.dsn(DATABASE, ADMINISTRATOR), autocommit=True) as connection:
        connection.execute("UPDATE tenant SET host = 'away' WHERE host = %s", (canary.LABEL,))
        connection.execute("INSERT INTO tenant (host, name) VALUES (%s, 'C')", (canary.LABEL,))
        try:
            with pytest.raises(DeclinedError, match="the tenant 'mainstay-canary' is .*rename it"):
                set_password(machine, WORD)
        finally:
            connection.execute("DELETE FROM tenant WHERE host = %s", (canary.LABEL,))
            connection.execute("UPDATE tenant SET host = %s WHERE host = 'away'", (canary.LABEL,))


class Half:
    """A half whose logins fail or last as a test says, by their number."""

    def __init__(self, fails: Callable[[int], bool] = lambda _: False, seconds: float = 0.1):
        self.fails, self.seconds, self.tried = fails, seconds, 0

    def log_in(self) -> CanaryLogin:
        self.tried += 1
        wrong = "login 401 E0000004" if self.fails(self.tried) else ""
        return CanaryLogin(wrong=wrong, seconds=self.seconds)


def compare(old: Half, new: Half, *, least: int = 40, bake: float = 0.0):
    now = [NOON]

    def pause(seconds: float) -> None:
        now[0] += timedelta(seconds=seconds)

    return logins.compare(
        old,  # type: ignore[arg-type]
        new,  # type: ignore[arg-type]
        least=least,
        until=NOON + timedelta(seconds=bake),
        now=lambda: now[0],
        pause=pause,
    )


def never(_: int) -> bool:
    return False


def always(_: int) -> bool:
    return True


def test_halves_that_are_alike_pass_after_the_least_number_or_the_whole_bake():
    assert compare(Half(), Half())["tried"] == 40
    assert compare(Half(), Half(), bake=20.0)["tried"] == 40
    assert compare(Half(), Half(), bake=240.0)["tried"] == 241
    one_in_ten = Half(lambda n: n % 10 == 0)
    assert compare(one_in_ten, Half(lambda n: n % 10 == 5))["failed"] == {"old": 4, "new": 4}


@pytest.mark.parametrize("fails", [always, lambda n: n % 2 == 0])
def test_a_release_whose_logins_fail_is_found_before_the_bake_is_over(fails):
    new = Half(fails)
    with pytest.raises(DeclinedError, match=r"logins fail on the new code: \d+ of \d+, the last"):
        compare(Half(), new, bake=240.0)
    assert new.tried <= 60


def test_the_few_logins_of_all_the_traffic_find_one_whose_logins_all_fail():
    with pytest.raises(DeclinedError, match="logins fail on the new code: 12 of 12"):
        compare(Half(), Half(always), least=logins.LEAST_AT_ALL)


def test_a_canary_that_logs_in_nowhere_shows_nothing_and_is_no_pass():
    with pytest.raises(DeclinedError, match="cannot log in on the old code either, 40 of 40"):
        compare(Half(always), Half(always))


def test_a_release_that_lasts_ten_times_as_long_is_found():
    with pytest.raises(DeclinedError, match=r"slow on the new code: 1.000 s, and 0.100 s"):
        compare(Half(seconds=0.1), Half(seconds=1.0))
    assert compare(Half(seconds=0.01), Half(seconds=0.1))["tried"] == 40
