"""The steps of a shift and its ways back, over simulated days of traffic."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from migration.traffic_shift import choreography
from migration.traffic_shift.accepted import Accepted, Difference
from migration.traffic_shift.counting import LEGACY, NEW, Answer, Kind, Window
from migration.traffic_shift.shift import DONE, HELD, RETURNED, SHIFTING, ShiftPlan, begun, counted
from tests.migration.traffic_shift.simulated import NOON, window

HOUR = timedelta(hours=1)
USERS = Kind("/api/v1/users", "GET", "plain")
LOGIN = Kind("/api/v1/authn", "POST", "plain")
SLASHES = Kind("/api/v1/users", "GET", "double-slash")
DOTS = Kind("/api/v1/users", "GET", "dot-segment")
SHARES = {USERS: 0.7, LOGIN: 0.299, SLASHES: 0.001}
ALIKE = {USERS: (0.002, 0.002), LOGIN: (0.002, 0.002), SLASHES: (0.0, 0.0)}
NOTHING_ACCEPTED = Accepted(())
PLAN = ShiftPlan()
# As the shipped plan, but made for few requests, so that a simulation of it takes a moment.
QUICK = ShiftPlan(ratio=40.0, bake=(HOUR,) * 6)


def conducted(plan, rates, *, seed=1, requests=4_000, hours=200, accepted=NOTHING_ACCEPTED):
    """A shift under traffic: where it was at each hour, until it is done or returned."""
    chance, now = Random(seed), NOON
    path = [begun(now, "")]
    while len(path) < hours and path[-1].state == SHIFTING:
        now += HOUR
        traffic = window(
            chance,
            requests=requests,
            percent=path[-1].weight(plan),
            rates=rates,
            shares=SHARES,
        )
        shift = counted(path[-1], traffic, accepted, until=now)
        path.append(choreography.next_of(shift, plan, now=now, alarms=()))
    return path


def weights(plan, path):
    return list(dict.fromkeys(shift.weight(plan) for shift in path))


def test_equal_chains_pass_every_step_in_order_to_the_end():
    path = conducted(QUICK, ALIKE)
    assert path[-1].state == DONE
    assert weights(QUICK, path) == [1, 5, 10, 25, 50, 100]


def test_a_chain_that_fails_more_is_taken_back_before_it_has_the_half():
    path = conducted(QUICK, ALIKE | {LOGIN: (0.002, 0.02)})
    assert path[-1].state == RETURNED
    assert path[-1].weight(QUICK) == 0
    assert max(weights(QUICK, path)) < 50
    assert "POST /api/v1/authn of shape plain" in path[-1].reason


def test_one_request_in_a_thousand_that_always_fails_is_seen_although_no_sum_shows_it():
    path = conducted(PLAN, ALIKE | {SLASHES: (0.0, 1.0)}, requests=20_000)
    assert path[-1].state == RETURNED
    assert "of shape double-slash" in path[-1].reason
    assert max(weights(PLAN, path)) <= 5
    failed = sum(new for (_, status), (_, new) in path[-1].statuses.items() if status == "500")
    served = sum(new for _, new in path[-1].statuses.values())
    assert failed / served < 0.006  # of the canary's answers; 0.002 fail on either chain


def test_a_chain_that_fails_less_goes_on():
    path = conducted(QUICK, ALIKE | {LOGIN: (0.01, 0.0001)})
    assert path[-1].state == DONE


def answer(chain, kind, status):
    return Answer(chain=chain, kind=kind, status=status, time=NOON)


def mixed(kind, *, new, legacy, count=200):
    """One window: so many requests of a kind to each chain, with these statuses."""
    answers = [answer(NEW, kind, new), answer(LEGACY, kind, legacy)] * count
    return Window(answers)


def test_an_accepted_difference_gathers_no_evidence():
    dots = Difference(shape="dot-segment", legacy="app", new="400", reason="x" * 60)
    accepted = Accepted([dots])
    refused = mixed(DOTS, new="400", legacy="200")
    shift = counted(begun(NOON, ""), refused, accepted, until=NOON)
    assert choreography.next_of(shift, PLAN, now=NOON, alarms=()).state == SHIFTING
    strict = counted(begun(NOON, ""), refused, NOTHING_ACCEPTED, until=NOON)
    assert choreography.next_of(strict, PLAN, now=NOON, alarms=()).state == RETURNED


def test_an_accepted_refusal_does_not_excuse_a_failure_of_that_shape():
    dots = Difference(shape="dot-segment", legacy="app", new="400", reason="x" * 60)
    failing = mixed(DOTS, new="502", legacy="200")
    shift = counted(begun(NOON, ""), failing, Accepted([dots]), until=NOON)
    assert choreography.next_of(shift, PLAN, now=NOON, alarms=()).state == RETURNED


def test_what_was_refused_and_is_let_through_is_a_finding_too():
    """A rise of 2xx, where the legacy chain refused: a hole is no success."""
    opened = mixed(DOTS, new="200", legacy="403")
    shift = counted(begun(NOON, ""), opened, NOTHING_ACCEPTED, until=NOON)
    back = choreography.next_of(shift, PLAN, now=NOON, alarms=())
    assert (back.state, back.reason[:3]) == (RETURNED, "2xx")


def test_a_legacy_chain_that_breaks_down_does_not_bring_its_traffic_back():
    broken = mixed(LOGIN, new="200", legacy="503")
    shift = counted(begun(NOON, ""), broken, NOTHING_ACCEPTED, until=NOON)
    assert choreography.next_of(shift, PLAN, now=NOON, alarms=()).state == SHIFTING


def ready(step=0):
    """A shift with the time and the requests to go on, and nothing against it."""
    return replace(begun(NOON, ""), step=step, requests=10**9)


LATER = NOON + timedelta(days=30)


@pytest.mark.parametrize("state", [SHIFTING, HELD, DONE])
@pytest.mark.parametrize("step", range(6))
def test_an_alarm_takes_the_shift_back_from_wherever_it_is(state, step):
    shift = replace(ready(step), state=state)
    back = choreography.next_of(shift, PLAN, now=NOON, alarms=("failing",))
    assert (back.state, back.weight(PLAN)) == (RETURNED, 0)
    assert "failing" in back.reason


def test_a_returned_shift_stays_away_until_it_is_started_again():
    back = choreography.take_back(ready(3), now=NOON, by="a person")
    assert choreography.next_of(back, PLAN, now=LATER, alarms=()) == back
    again = choreography.start(back, now=LATER, by="a person")
    assert (again.state, again.weight(PLAN), again.cells) == (SHIFTING, 1, {})


def test_deciding_twice_is_deciding_once():
    first = choreography.next_of(ready(), PLAN, now=LATER, alarms=())
    assert first.step == 1
    assert choreography.next_of(first, PLAN, now=LATER, alarms=()).step == 1


def test_a_step_lasts_its_time():
    shift = choreography.next_of(ready(3), PLAN, now=NOON + timedelta(hours=23), alarms=())
    assert shift.step == 3
    assert "waits until 2026-03-03T12:00" in shift.reason


def test_a_step_lasts_until_it_has_the_requests_to_show_a_rise():
    few = replace(ready(1), requests=PLAN.requests(1) - 1)
    shift = choreography.next_of(few, PLAN, now=LATER, alarms=())
    assert shift.step == 1
    assert "waits for requests: 91,631 of 91,632" in shift.reason


def test_an_answer_that_the_legacy_chain_never_gave_stops_the_steps_until_it_does():
    new = {("/login", "404"): (0, 1)}
    shift = choreography.next_of(replace(ready(), statuses=new), PLAN, now=LATER, alarms=())
    assert shift.step == 0
    assert "404 of /login" in shift.reason
    known = {("/login", "404"): (1, 1)}
    assert choreography.next_of(replace(ready(), statuses=known), PLAN, now=LATER, alarms=()).step


def test_at_all_of_the_traffic_the_legacy_chain_stays_warm_for_a_business_week():
    shift = ready(5)
    early = choreography.next_of(shift, PLAN, now=NOON + timedelta(days=6), alarms=())
    assert (early.state, early.weight(PLAN)) == (SHIFTING, 100)
    assert choreography.next_of(shift, PLAN, now=NOON + timedelta(days=7), alarms=()).state == DONE


def test_a_held_shift_stays_where_it_is_and_goes_on_when_told():
    held = choreography.hold(ready(2), by="a person")
    assert choreography.next_of(held, PLAN, now=LATER, alarms=()) == held
    resumed = choreography.resume(held, by="a person")
    assert choreography.next_of(resumed, PLAN, now=LATER, alarms=()).step == 3


def test_a_person_may_go_on_without_waiting_but_not_past_the_end():
    advanced = choreography.advance(begun(NOON, ""), PLAN, now=NOON, by="a person")
    assert (advanced.step, advanced.requests) == (1, 0)
    with pytest.raises(choreography.NotNowError, match="below 100 percent"):
        choreography.advance(ready(5), PLAN, now=NOON, by="a person")


def test_acts_are_refused_in_a_state_that_does_not_allow_them():
    back = choreography.take_back(ready(), now=NOON, by="a person")
    assert choreography.take_back(back, now=LATER, by="another") == back
    for refused in (
        lambda: choreography.start(ready(), now=NOON, by="a person"),
        lambda: choreography.hold(back, by="a person"),
        lambda: choreography.resume(back, by="a person"),
        lambda: choreography.advance(back, PLAN, now=NOON, by="a person"),
    ):
        with pytest.raises(choreography.NotNowError, match="needs"):
            refused()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": (1, 5)}, "'steps' should rise from 1 or more to 100 percent"),
        ({"steps": (0, 100)}, "'steps' should rise"),
        ({"steps": (5, 1, 100)}, "'steps' should rise"),
        ({"bake": (HOUR,)}, "'bake' should have a value for each of 6 steps, got 1"),
        ({"alpha": 1}, "'alpha' should be above 0 and below 1, got 1"),
    ],
)
def test_fails_on_a_plan_that_cannot_be(changes, message):
    with pytest.raises(ValueError, match=message):
        ShiftPlan(**changes)
