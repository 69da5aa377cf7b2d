"""READ_ONLY that an event enters in the middle of an upgrade: it stops, or it is not disturbed."""

from __future__ import annotations

from functions.control_table import mode
from functions.read_only_events.causes import EntryCause, EntryKind
from functions.read_only_events.handler import respond
from tests.upgrade.regions import PRIMARY, STANDBY, aws

_STOPPED = "stopped safely, READ_ONLY, lock held, operator notified"


def _happens(account, kind: EntryKind, *states: str) -> list[dict]:
    """At those states of the upgrade, once; returns what the function has answered by then."""
    answers, left = [], set(states)
    topic = aws("sns", PRIMARY).create_topic(Name="read-only")["TopicArn"]

    def event(name: str) -> None:
        if name in left:
            left.remove(name)
            cause = EntryCause(kind=kind, by=f"alarm {kind}", reason="an event", at=account.now)
            tables = {region: f"control-{region}" for region in (PRIMARY, STANDBY)}
            answers.append(
                respond(cause, tables=tables, topic=topic, client=account.client, now=account.now)
            )

    account.before_state = event
    return answers


def test_a_failover_within_the_window_stops_it_until_a_person_takes_the_mode(upgrade, account):
    answers = _happens(account, EntryKind.WRITER, "Commit")
    ended = upgrade("first")
    assert answers[0]["entered"] == [PRIMARY, STANDBY]
    assert account.outcome(ended) == _STOPPED
    assert "alarm writer" in ended["cause"]
    assert {account.mode(region).by for region in (PRIMARY, STANDBY)} == {"alarm writer"}
    account.before_state = lambda _: None
    assert account.outcome(upgrade("resumed", take_mode=True)) == "upgraded"
    assert account.mode(PRIMARY).mode == mode.Mode.READ_WRITE


def test_a_failover_before_the_window_undoes_the_upgrade_and_stays(upgrade, account):
    _happens(account, EntryKind.WRITER, "Let one half carry all")
    ended = upgrade("first")
    assert ended["error"] == "Upgrade.RolledBack"
    assert {**account.state(), "modes": None} == {**account.at_first, "modes": None}
    assert account.mode(PRIMARY).by == "alarm writer"
    assert account.lock() is None


def test_replicas_that_the_upgrade_itself_pauses_do_not_disturb_it(upgrade, account):
    """Within the window, and after it, while the other master waits for its migration."""
    answers = _happens(account, EntryKind.LAG, "Commit", "Upgrade the trailing half")
    assert account.outcome(upgrade("first")) == "upgraded"
    assert [answer["entered"] for answer in answers] == [[], []]
