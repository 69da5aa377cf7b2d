"""The list of accepted differences: what an entry covers, and what it must say."""

from __future__ import annotations

import pytest

from migration.traffic_shift import accepted
from migration.traffic_shift.accepted import Accepted, Difference
from migration.traffic_shift.counting import Cell, Kind

REASON = "A full sentence that a customer would understand."


def entry(**changes):
    values = {"shape": "dot-segment", "legacy": "app", "new": "400", "reason": REASON} | changes
    return Difference(**values)


def test_an_entry_covers_its_own_difference_and_no_other():
    listed = Accepted([entry(legacy="4xx")])
    assert listed.covering("dot-segment", "404", "400") is not None
    for other in (("dots", "404", "400"), ("dot-segment", "app", "400")):
        assert listed.covering(*other) is None
    assert listed.covering("dot-segment", "404", "401") is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"legacy": "anything"}, "'legacy' of accepted shape 'dot-segment' should be app, closed"),
        ({"new": "600"}, "'new' of accepted shape 'dot-segment'"),
        ({"reason": "because"}, "should be a full sentence, got 'because'"),
    ],
)
def test_fails_on_an_entry_that_cannot_be(changes, message):
    with pytest.raises(ValueError, match=message):
        entry(**changes)


def cell(shape="dot-segment", method="GET", status_class="4"):
    return Cell(Kind("/login", method, shape), status_class)


def test_a_refusal_that_is_accepted_excuses_refusals_of_that_shape_alone():
    listed = Accepted([entry()])
    assert listed.covers(cell())
    assert not listed.covers(cell(shape="plain"))
    assert not listed.covers(cell(status_class="2"))
    assert not listed.covers(cell(status_class="5"))


def test_another_target_at_the_app_excuses_what_the_app_makes_of_it_but_no_failure():
    listed = Accepted([entry(new="other")])
    assert listed.covers(cell())
    assert listed.covers(cell(status_class="2"))
    assert not listed.covers(cell(status_class="5"))


def test_another_spelling_excuses_nothing():
    assert not Accepted([entry(shape="plain", new="spelling")]).covers(cell(shape="plain"))


def test_an_unusual_method_is_a_shape_of_its_own():
    listed = Accepted([entry(shape="method", new="405")])
    assert listed.covers(cell(shape="plain", method="unusual"))
    assert not listed.covers(cell(shape="plain"))


def test_the_shipped_list_excuses_nothing_of_a_plain_request():
    shipped = accepted.load()
    for status_class in "12345":
        assert not shipped.covers(cell(shape="plain", status_class=status_class))
        assert not shipped.covers(cell(shape="double-slash", status_class=status_class))


def test_no_two_entries_of_the_shipped_list_are_about_the_same():
    entries = accepted.load().differences
    assert len({(each.shape, each.legacy, each.new) for each in entries}) == len(entries)
