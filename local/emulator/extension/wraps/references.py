"""`Fn::GetStackOutput` across Regions, and a clear word about types that nobody handles."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from local.emulator.extension import inside


def install() -> None:
    inside.replace_everywhere(inside.engine, "_resolve_refs", _across_regions)
    inside.replace_everywhere(inside.engine, "validate_template_support", _naming_the_fix)


def _across_regions(resolve: Any) -> Any:
    """A reference names its Region; the emulator looks into the consumer's alone."""
    all_stacks = import_module("ministack.services.cloudformation")._stacks

    def resolved(value: Any, *context: Any) -> Any:
        if not (isinstance(value, dict) and "Fn::GetStackOutput" in value):
            return resolve(value, *context)
        wanted = {key: resolve(part, *context) for key, part in value["Fn::GetStackOutput"].items()}
        region = wanted.get("Region") or inside.region()
        stack = all_stacks.get_scoped(inside.account(), region, wanted["StackName"]) or {}
        for output in stack.get("Outputs", ()):
            if output["OutputKey"] == wanted["OutputName"]:
                return output["OutputValue"]
        raise ValueError(
            f"Output '{wanted['OutputName']}' not found in stack '{wanted['StackName']}' "
            f"of {region}"
        )

    return resolved


def _naming_the_fix(validate: Any) -> Any:
    def validated(*arguments: Any, **named: Any) -> Any:
        try:
            return validate(*arguments, **named)
        except ValueError as error:
            if "Unrecognized resource types" not in str(error):
                raise
            raise ValueError(
                f"{error}. The local target has no handler for them: add one to "
                "local/emulator/extension/kinds and its row to tests/local/contract"
            ) from None

    return validated
