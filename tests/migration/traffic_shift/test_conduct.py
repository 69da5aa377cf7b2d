"""A shift against the APIs it lives on: what it reads, writes, and survives."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from migration.traffic_shift import conduct, handler, memory
from migration.traffic_shift.access_log import ends
from migration.traffic_shift.choreography import NotNowError
from migration.traffic_shift.memory import ShiftOvertakenError
from tests.migration.traffic_shift.conftest import ALARM, BALANCER, BUCKET, FOLDER, TABLE

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def turn(account, now, *, time_left=lambda: True):
    shift = conduct.tick(account.site, now=now, time_left=time_left)
    assert shift is not None
    return shift


def kept(account):
    shift = memory.read(account.site.table)
    assert shift is not None
    return shift


def start(account):
    return conduct.obey(account.site, "start", now=NOON, by="a person")


def quiet(account, end, count=60):
    """Answers of both chains, all well, in the five minutes until `end`."""
    account.log(end, *[(account.legacy, "200")] * count, *[(account.new, "200")] * count)


def test_nothing_moves_before_it_is_started(account):
    assert conduct.tick(account.site, now=NOON, time_left=lambda: True) is None
    assert account.percent == 0
    assert conduct.status(account.site) == {"state": "never started", "live_percent": 0}


def test_a_start_gives_the_new_chain_one_percent(account):
    start(account)
    assert account.percent == 1


def test_it_does_not_start_while_an_alarm_is_on(account):
    account.alarm("ALARM")
    with pytest.raises(NotNowError, match="'start' needs quiet alarms, got failing"):
        start(account)
    assert account.percent == 0


def test_a_quiet_hour_brings_the_next_step(account):
    start(account)
    for minute in range(10, 80, 5):
        quiet(account, NOON + minute * MINUTE)
    turn(account, NOON + 59 * MINUTE)
    assert account.percent == 1
    turn(account, NOON + 90 * MINUTE)
    assert account.percent == 5


def test_failures_of_the_new_chain_bring_it_back(account):
    start(account)
    end = NOON + 20 * MINUTE
    account.log(end, *[(account.legacy, "200")] * 100, *[(account.new, "500")] * 6)
    shift = turn(account, NOON + 31 * MINUTE)
    assert (shift.state, account.percent) == ("returned", 0)
    assert conduct.status(account.site)["findings"][0] == ["/login", "GET", "plain", "5"]


def test_failures_of_both_chains_do_not(account):
    start(account)
    end = NOON + 20 * MINUTE
    answers = [
        (chain, status) for chain in (account.legacy, account.new) for status in ("500", "200")
    ]
    account.log(end, *answers * 20)
    assert turn(account, NOON + 31 * MINUTE).state == "shifting"


def test_what_was_answered_before_the_weight_took_hold_does_not_count(account):
    """Half a minute before the end of a slot, the rest of which is the old weight's answers."""
    conduct.obey(account.site, "start", now=NOON + 4.5 * MINUTE, by="a person")
    account.log(NOON + 5 * MINUTE, *[(account.new, "500")] * 20)
    shift = turn(account, NOON + 31 * MINUTE)
    assert (shift.state, shift.requests) == ("shifting", 0)
    account.log(NOON + 35 * MINUTE, *[(account.legacy, "200")] * 20)
    assert turn(account, NOON + 46 * MINUTE).requests == 20


def test_a_turn_that_runs_twice_counts_once(account):
    start(account)
    quiet(account, NOON + 20 * MINUTE)
    assert turn(account, NOON + 31 * MINUTE).requests == 120
    assert turn(account, NOON + 31 * MINUTE).requests == 120


def test_every_file_of_a_slot_counts_and_a_file_of_a_slot_to_come_does_not(account):
    start(account)
    for _ in range(3):
        quiet(account, NOON + 20 * MINUTE, count=5)
    quiet(account, NOON + 25 * MINUTE, count=7)
    assert turn(account, NOON + 31 * MINUTE).requests == 30
    assert turn(account, NOON + 35 * MINUTE).requests == 44


def test_more_files_than_a_page_of_the_list_are_all_read(account):
    start(account)
    end = NOON + 20 * MINUTE
    name = f"123456789012_elasticloadbalancing_us-east-1_{BALANCER.replace('/', '.')}"
    for node in range(1_001):
        key = f"{FOLDER}/2026/03/02/{name}_20260302T1220Z_{node:04}_x.log.gz"
        account.site.log.s3.put_object(Bucket=BUCKET, Key=key, Body=_EMPTY)
    quiet(account, end, count=1)
    assert turn(account, NOON + 31 * MINUTE).requests == 2


_EMPTY = bytes.fromhex("1f8b08000000000000ff03000000000000000000")  # gzip of nothing


def test_a_file_that_is_delivered_on_the_next_day_is_found(account):
    late = NOON.replace(hour=23, minute=50)
    conduct.obey(account.site, "start", now=late, by="a person")
    midnight = late + 10 * MINUTE
    quiet(account, midnight, count=3)
    assert turn(account, midnight + 11 * MINUTE).requests == 6


def test_a_turn_without_time_leaves_the_rest_to_the_next(account):
    start(account)
    for minute in (10, 15, 20):
        quiet(account, NOON + minute * MINUTE, count=10)
    asked = iter([True, True, False])  # until 12:05, until 12:10, then the time is up
    assert turn(account, NOON + 31 * MINUTE, time_left=lambda: next(asked)).requests == 20
    assert turn(account, NOON + 31 * MINUTE).requests == 60


def test_a_weight_set_by_hand_is_set_right_at_the_next_turn(account):
    start(account)
    account.by_hand(80)
    turn(account, NOON + MINUTE)
    assert account.percent == 1


def test_a_crash_between_the_memory_and_the_balancer_is_mended_by_the_next_turn(account):
    start(account)
    shift = kept(account)
    memory.write(account.site.table, replace(shift, step=3), account.site.plan)
    assert account.percent == 1
    turn(account, NOON + MINUTE)
    assert account.percent == 25


def test_a_turn_beside_another_turn_gives_way(account, monkeypatch):
    start(account)
    read = memory.read

    def overtaken(table):
        shift = read(table)
        monkeypatch.setattr(memory, "read", read)
        conduct.obey(account.site, "hold", now=NOON, by="a person")
        return shift

    monkeypatch.setattr(memory, "read", overtaken)
    with pytest.raises(ShiftOvertakenError):
        turn(account, NOON + MINUTE)
    assert kept(account).state == "held"


def test_a_person_who_takes_it_back_is_not_undone_by_a_turn_that_had_read_before(account):
    start(account)
    for minute in range(10, 80, 5):
        quiet(account, NOON + minute * MINUTE)
    alarms = account.site.in_alarm

    def in_between():
        conduct.take_back(account.site, now=NOON, by="a person")
        return alarms()

    with pytest.raises(ShiftOvertakenError):
        conduct.tick(
            replace(account.site, in_alarm=in_between),
            now=NOON + 90 * MINUTE,
            time_left=lambda: True,
        )
    turn(account, NOON + 91 * MINUTE)
    assert (kept(account).state, account.percent) == ("returned", 0)


def test_the_way_back_is_taken_before_the_table_is_asked(account):
    start(account)
    account.site.table.delete()
    with pytest.raises(Exception, match="ResourceNotFound"):
        conduct.take_back(account.site, now=NOON, by="a person")
    assert account.percent == 0


def test_what_is_kept_is_what_was_known(account):
    start(account)
    account.log(NOON + 20 * MINUTE, (account.legacy, "200"), (account.new, "404"))
    shift = turn(account, NOON + 31 * MINUTE)
    assert shift.cells
    assert shift.statuses == {("/login", "200"): (1, 0), ("/login", "404"): (0, 1)}
    assert kept(account) == shift


def test_fails_on_a_memory_that_an_item_cannot_hold(account, monkeypatch):
    shift = start(account)
    monkeypatch.setattr(memory, "MEMORY_BYTES_MAX", 10)
    with pytest.raises(ValueError, match="'cells' should fit into 10 bytes"):
        memory.write(account.site.table, shift, account.site.plan)


def test_fails_on_a_rule_that_is_no_choice_between_the_two(account):
    wrong = replace(account.site.weights, legacy="arn:aws:another")
    with pytest.raises(ValueError, match="'rule' should divide traffic between arn:aws:another"):
        wrong.set(1)
    with pytest.raises(ValueError, match="'percent' should be 0 to 100, got 101"):
        account.site.weights.set(101)


def test_slots_are_counted_when_their_files_should_be_there():
    def at(minute):
        return NOON + minute * MINUTE

    assert list(ends(at(0), at(14))) == []
    assert list(ends(at(0), at(20))) == [at(5), at(10)]
    assert list(ends(at(3), at(15))) == [at(5)]


class Context:
    """What AWS Lambda hands to a handler."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 900_000


@pytest.fixture
def function(account, monkeypatch):
    variables = {
        "CONTROL_TABLE": TABLE,
        "RULE": account.rule,
        "LEGACY_TARGETS": account.legacy,
        "NEW_TARGETS": account.new,
        "LOG_BUCKET": BUCKET,
        "LOG_FOLDER": FOLDER,
        "BALANCER": BALANCER,
        "ALARMS": ALARM,
        "ROUTES": "/login,/api/v1",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return lambda **event: handler.handler(event, Context())


def alarm_event(name=ALARM):
    """From EventBridge (Amazon CloudWatch User Guide, "Alarm events and EventBridge")."""
    return {
        "source": "aws.cloudwatch",
        "detail-type": "CloudWatch Alarm State Change",
        "detail": {"alarmName": name, "state": {"value": "ALARM"}},
    }


def test_the_function_obeys_clock_person_and_alarm(account, function):
    assert function(command="status")["state"] == "never started"
    assert function(command="start", by="jane")["live_percent"] == 1
    assert function(command="tick")["state"] == "shifting"
    assert function(command="advance", by="jane")["live_percent"] == 5
    assert function(command="hold", by="jane")["state"] == "held"
    assert function(command="resume", by="jane")["state"] == "shifting"
    answer = function(**alarm_event())
    assert (answer["state"], answer["live_percent"]) == ("returned", 0)
    assert answer["reason"] == f"taken back by alarm {ALARM}"
    assert function(**alarm_event()) == answer


def test_an_alarm_whose_event_was_lost_is_seen_at_the_next_turn(account, function):
    function(command="start", by="jane")
    account.alarm("ALARM")
    assert function(command="tick")["live_percent"] == 0


def test_an_alarm_that_was_deleted_counts_as_one_that_is_on(account, function):
    function(command="start", by="jane")
    boto3.client("cloudwatch").delete_alarms(AlarmNames=[ALARM])
    assert function(command="tick")["live_percent"] == 0


def test_a_turn_that_is_overtaken_is_no_error(account, function, monkeypatch, capsys):
    function(command="start", by="jane")

    def overtaken(*_, **__):
        raise ShiftOvertakenError("version 1 of the shift is no more")

    monkeypatch.setattr(conduct, "tick", overtaken)
    assert function(command="tick")["state"] == "shifting"
    assert "overtaken" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"command": "start"}, "'by' should name who sends the command 'start'"),
        ({"command": "explode", "by": "jane"}, "'command' should be start, hold, resume"),
        ({}, "'by' should name who sends"),
        ({"command": "hold", "by": "jane"}, "none was ever started"),
    ],
)
def test_fails_on_an_act_that_cannot_be(account, function, event, message):
    with pytest.raises(ValueError, match=message):
        function(**event)
