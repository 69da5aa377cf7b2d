"""Changes by the CDK's differ, as data: one StackChange per pair of templates."""

import json
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assembly.stack import Stack
from review.template_diff.pairs import StackPair

DIFFER = Path(__file__).with_name("changes.js")

# The CDK's own usage record: it changes with every release of the library and configures nothing.
IGNORED_TYPES = frozenset({"AWS::CDK::Metadata"})

REPLACED = frozenset({"WILL_REPLACE", "MAY_REPLACE"})
REMOVED = frozenset({"WILL_DESTROY", "WILL_ORPHAN"})


@dataclass(frozen=True, kw_only=True)
class ResourceChange:
    """One resource that differs; `replacing` names the properties that make it a replacement."""

    logical_id: str
    path: str
    before_type: str | None
    after_type: str | None
    impact: str
    replacing: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        return self.after_type or self.before_type or "unknown type"

    @property
    def is_certain(self) -> bool:
        return self.impact == "WILL_REPLACE"


@dataclass(frozen=True, kw_only=True)
class StackChange:
    """One stack's two sides and what differs between them."""

    name: str
    before: Stack | None
    after: Stack | None
    resources: tuple[ResourceChange, ...] = ()
    sections: tuple[tuple[str, str], ...] = ()
    broadened: bool = False

    @property
    def old(self) -> dict[str, dict[str, Any]]:
        return self.before.resources if self.before else {}

    @property
    def new(self) -> dict[str, dict[str, Any]]:
        return self.after.resources if self.after else {}

    @property
    def differs(self) -> bool:
        if self.before is None or self.after is None:
            return True
        switched = self.before.termination_protection != self.after.termination_protection
        return bool(self.resources or self.sections) or switched

    def path(self, logical_id: str) -> str:
        """Return a resource's construct path on either side; its logical id where it has none."""
        resource = self.new.get(logical_id) or self.old.get(logical_id) or {}
        return resource.get("Metadata", {}).get("aws:cdk:path", logical_id)


def compare(pairs: Sequence[StackPair]) -> tuple[StackChange, ...]:
    """Ask the differ about all stacks at once; equal templates need no asking."""
    asked = [pair for pair in pairs if _template(pair.before) != _template(pair.after)]
    answers = {answer["name"]: answer for answer in (_ask(asked) if asked else ())}
    return tuple(_stack_change(pair, answers.get(pair.name)) for pair in pairs)


def _template(stack: Stack | None) -> dict[str, Any] | None:
    return stack.template if stack else None


def _ask(pairs: Iterable[StackPair]) -> list[dict[str, Any]]:
    request = [
        {
            "name": pair.name,
            "before": str(pair.before.file.resolve()) if pair.before else None,
            "after": str(pair.after.file.resolve()) if pair.after else None,
        }
        for pair in pairs
    ]
    node = shutil.which("node")
    if node is None:
        raise ValueError("the differ runs on Node.js: put `node` on the PATH")
    done = subprocess.run(
        [node, str(DIFFER)], input=json.dumps(request), capture_output=True, text=True, check=False
    )
    if done.returncode and "Cannot find module" in done.stderr:
        raise ValueError("@aws-cdk/cloudformation-diff is not installed: run `npm ci`")
    if done.returncode:
        raise ValueError(f"the CDK's differ failed: {done.stderr.strip()[-600:]}")
    return json.loads(done.stdout)


def _stack_change(pair: StackPair, answer: dict[str, Any] | None) -> StackChange:
    bare = StackChange(name=pair.name, before=pair.before, after=pair.after)
    if answer is None:
        return bare
    changes = (
        ResourceChange(
            logical_id=found["logicalId"],
            path=bare.path(found["logicalId"]),
            before_type=found["beforeType"],
            after_type=found["afterType"],
            impact=found["impact"],
            replacing=tuple(sorted(found["replacing"])),
            properties=tuple(sorted(found["properties"])),
            attributes=tuple(sorted(found["attributes"])),
        )
        for found in answer["resources"]
    )
    return StackChange(
        name=pair.name,
        before=pair.before,
        after=pair.after,
        resources=tuple(
            sorted(
                (change for change in changes if change.type not in IGNORED_TYPES),
                key=lambda change: change.logical_id,
            )
        ),
        sections=tuple(sorted((found["section"], found["name"]) for found in answer["sections"])),
        broadened=answer["broadened"],
    )
