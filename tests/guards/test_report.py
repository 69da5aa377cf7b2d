"""The report of the gates, as CDK writes it, read for what fails a synth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mainstay.guards.report import failures


def written(directory: Path, *violations: dict[str, Any], conclusion: str = "failure") -> Path:
    plugin = {"pluginName": "Mainstay", "conclusion": conclusion, "violations": [*violations]}
    report = {"version": "1", "pluginReports": [plugin]}
    (directory / "validation-report.json").write_text(json.dumps(report))
    return directory


def violation(**changes: Any) -> dict[str, Any]:
    return {
        "ruleName": "old-tls",
        "description": "TLS 1.0 is offered",
        "suggestedFix": "set ssl_policy",
        "severity": "error",
        "violatingConstructs": [{"constructPath": "Edge/Https"}],
        **changes,
    }


def test_names_the_rule_the_place_and_the_mend(tmp_path: Path):
    assert failures(written(tmp_path, violation())) == [
        "old-tls at Edge/Https: TLS 1.0 is offered; set ssl_policy"
    ]


def test_names_every_place_of_one_rule(tmp_path: Path):
    places = [{"constructPath": "A"}, {"constructPath": "B"}]
    assert len(failures(written(tmp_path, violation(violatingConstructs=places)))) == 2


@pytest.mark.parametrize("severity", ["error", "fatal", None])
def test_fails_on_errors_and_on_what_states_no_severity(tmp_path: Path, severity: str | None):
    assert failures(written(tmp_path, violation(severity=severity)))


@pytest.mark.parametrize("severity", ["warning", "info"])
def test_passes_what_only_warns(tmp_path: Path, severity: str):
    assert failures(written(tmp_path, violation(severity=severity))) == []


def test_passes_without_a_report(tmp_path: Path):
    assert failures(tmp_path) == []
