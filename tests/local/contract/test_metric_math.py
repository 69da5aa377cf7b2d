"""Metric math and the verdict on an alarm, value by value."""

from __future__ import annotations

import pytest

from local.emulator.extension.alarms.metric_math import evaluate
from local.emulator.extension.alarms.verdict import verdict

VALUES = {"failed": 3.0, "requests": 200.0, "none": None, "zero": 0.0}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("IF(requests >= 100, 100 * failed / requests, 0)", 1.5),
        ("IF(requests >= 1000, 100 * failed / requests, 0)", 0.0),
        ("failed / zero", None),
        ("failed + none", None),
        ("FILL(none, 7) + 1", 8.0),
        ("MAX([failed, requests, none])", 200.0),
        ("AVG(failed, 5)", 4.0),
        ("-failed ^ 2", -9.0),
        ("IF(failed > 2 AND requests > 500, 1, 2)", 2.0),
        ("IF(failed > 2 || requests > 500, 1, 2)", 1.0),
    ],
)
def test_an_expression_has_a_value(expression, value):
    assert evaluate(expression, VALUES) == value


@pytest.mark.parametrize("expression", ["missing + 1", "ANOMALY_DETECTION_BAND(failed)", "1 +"])
def test_fails_on_what_alarms_do_not_know(expression):
    with pytest.raises(ValueError, match="should be|no metric"):
        evaluate(expression, VALUES)


ALARM = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 1}


@pytest.mark.parametrize(
    ("settings", "values", "state"),
    [
        ({}, [2.0, 2.0], "ALARM"),
        ({}, [2.0, 1.0], "OK"),
        ({"DatapointsToAlarm": 1}, [2.0, 1.0], "ALARM"),
        ({}, [None, None], "INSUFFICIENT_DATA"),
        ({"TreatMissingData": "notBreaching"}, [None, None], "OK"),
        ({"TreatMissingData": "notBreaching"}, [2.0, None], "OK"),
        ({"TreatMissingData": "breaching"}, [None, None], "ALARM"),
        ({"TreatMissingData": "ignore"}, [None, None], None),
        ({}, [2.0, None], "ALARM"),  # what is missing is left out of account
    ],
)
def test_values_make_a_state(settings, values, state):
    assert verdict({**ALARM, **settings}, values) == state
