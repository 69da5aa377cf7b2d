"""The findings of a synth, read from the report that CDK writes beside the templates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def failures(directory: Path) -> list[str]:
    """Every finding that fails the synth: what, where, and the fix where one is known."""
    report = directory / "validation-report.json"
    if not report.exists():
        return []
    plugins = json.loads(report.read_text())["pluginReports"]
    return [
        finding
        for plugin in plugins
        if plugin["conclusion"] == "failure"
        for violation in plugin["violations"]
        if violation.get("severity") in (None, "error", "fatal")
        for finding in _findings(violation)
    ]


def _findings(violation: dict[str, Any]) -> Iterator[str]:
    for construct in violation.get("violatingConstructs", [{}]):
        where = construct.get("constructPath", "the app")
        fix = f"; {violation['suggestedFix']}" if violation.get("suggestedFix") else ""
        yield f"{violation['ruleName']} at {where}: {violation['description']}{fix}"
