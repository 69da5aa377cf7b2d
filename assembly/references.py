"""Which resource a property of one stack means, in whichever stack of the assembly it stands."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from assembly.stack import Stack


class StackReferences:
    """Follows Ref, Fn::GetAtt, imports of exports and Fn::GetStackOutput to the resource."""

    def __init__(self, stacks: Iterable[Stack]) -> None:
        read = tuple(stacks)
        self._by_name = {stack.name: stack for stack in read}
        self._exports = {
            output["Export"]["Name"]: (stack, output["Value"])
            for stack in read
            for output in stack.outputs.values()
            if isinstance(output.get("Export", {}).get("Name"), str)
        }

    def target(self, stack: Stack, value: Any) -> tuple[str, str]:
        """Return the stack's path and the logical id, or the text of what refers to no resource."""
        match value:
            case {"Fn::ImportValue": str(name)} if name in self._exports:
                return self.target(*self._exports[name])
            case {"Fn::GetStackOutput": {"StackName": str(name), "OutputName": output}} if (
                name in self._by_name and output in self._by_name[name].outputs
            ):
                other = self._by_name[name]
                return self.target(other, other.outputs[output]["Value"])
            case {"Ref": str(logical_id)} | {"Fn::GetAtt": [str(logical_id), _]}:
                return stack.path, logical_id
        return stack.path, json.dumps(value, sort_keys=True)
