"""State machines: whether they are traced."""

from __future__ import annotations

from local.emulator.extension import inside
from local.emulator.extension.registry import Made, Properties
from local.emulator.extension.wraps.around import after


def install() -> None:
    after("AWS::StepFunctions::StateMachine", _keep)


def _keep(made: Made, old: Properties, new: Properties) -> None:
    given = new.get("TracingConfiguration") or {}
    enabled = str(given.get("Enabled", False)).lower() == "true"
    record = inside.service("stepfunctions")._state_machines[made.physical_id]
    record["tracingConfiguration"] = {"enabled": enabled}
