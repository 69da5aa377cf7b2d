"""Each operator that a template uses, with its sets of values, absent keys, and what is unknown."""

from __future__ import annotations

import pytest

from local.iam.conditions import UnknownOperatorError, arn_like, hold

TOPIC = "arn:aws:sns:us-east-1:111122223333:topic"


@pytest.mark.parametrize(
    ("operator", "expected", "value", "holds"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", "a", "A", False),
        ("StringEquals", ["a", "b"], "b", True),
        ("StringEquals", "a*", "ab", False),
        ("StringEquals", "a", None, False),
        ("StringNotEquals", "a", "b", True),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringNotEquals", "a", None, True),
        ("StringEqualsIfExists", "a", None, True),
        ("StringEqualsIfExists", "a", "b", False),
        ("StringLike", "journal#*", "journal#7", True),
        ("StringLike", "journal#?", "journal#77", False),
        ("StringLike", "mode", "modes", False),
        ("StringNotLike", "m*", "mode", False),
        ("ArnLike", "arn:aws:sns:*:111122223333:*", TOPIC, True),
        ("ArnEquals", TOPIC, TOPIC, True),
        ("ArnEquals", TOPIC, f"{TOPIC}x", False),
        ("ArnNotLike", "arn:aws:sns:*:111122223333:*", TOPIC, False),
        ("ArnNotEquals", f"{TOPIC}x", TOPIC, True),
        ("Bool", "false", "true", False),
        ("Bool", True, "true", True),
        ("Bool", False, None, False),
        ("Null", "false", "anything", True),
        ("Null", "false", None, False),
        ("Null", "true", None, True),
        ("Null", True, "anything", False),
        ("ForAllValues:StringLike", ["mode", "journal#*"], ["mode", "journal#1"], True),
        ("ForAllValues:StringLike", ["mode", "journal#*"], ["mode", "ack"], False),
        ("ForAllValues:StringEquals", ["mode"], None, True),
        ("ForAllValues:StringEquals", ["mode"], [], True),
        ("ForAllValues:StringEquals", ["mode"], "mode", True),
        ("ForAnyValue:StringEquals", ["mode"], ["ack", "mode"], True),
        ("ForAnyValue:StringEquals", ["mode"], ["ack"], False),
        ("ForAnyValue:StringEquals", ["mode"], None, False),
        ("ForAllValues:StringNotEquals", ["mode"], ["ack", "lock"], True),
        ("ForAllValues:StringNotEquals", ["mode"], ["ack", "mode"], False),
    ],
)
def test_an_operator_holds_where_iam_says_so(
    operator: str, expected: object, value: str | list[str] | None, holds: bool
):
    context = {} if value is None else {"some:key": value}
    assert hold({operator: {"Some:Key": expected}}, context) is holds


def test_every_key_and_every_operator_has_to_hold():
    conditions = {"StringEquals": {"a": "1", "b": "2"}, "Bool": {"c": "true"}}
    assert hold(conditions, {"a": "1", "b": "2", "c": "true"})
    assert not hold(conditions, {"a": "1", "b": "3", "c": "true"})
    assert not hold(conditions, {"a": "1", "b": "2", "c": "false"})
    assert hold({}, {})


@pytest.mark.parametrize("operator", ["StringEqual", "NumericEquals", "EachValue:StringEquals"])
def test_an_unknown_operator_is_an_error_and_no_verdict(operator: str):
    with pytest.raises(UnknownOperatorError, match=operator):
        hold({operator: {"key": "1"}}, {"key": "1"})


def test_several_values_need_an_operator_for_sets():
    with pytest.raises(ValueError, match="takes one value"):
        hold({"StringEquals": {"key": "1"}}, {"key": ["1", "2"]})


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        ("*", TOPIC, True),
        ("arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket/a/b:c", True),
        ("arn:aws:s3:::bucket", "arn:aws:s3:::bucket/a", False),
        ("arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket", False),
        ("arn:aws:logs:*:*:log-group:g:*", "arn:aws:logs:r:1:log-group:g:log-stream:s", True),
        ("arn:aws:sns:*:topic", TOPIC, False),
        ("arn:aws:sns:*", TOPIC, True),
        ("arn:aws:*:us-east-1:111122223333:topic", TOPIC, True),
        ("arn:aws:sns:us-*:111122223333:t?pic", TOPIC, True),
        ("arn:aws:sns:us-west-2:111122223333:topic", TOPIC, False),
        ("arn:aws:s3:::bucket/*", "*", False),
    ],
)
def test_an_arn_is_compared_part_by_part(pattern: str, value: str, fits: bool):
    assert arn_like(value, pattern) is fits
