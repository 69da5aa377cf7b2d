"""The shipped environments against the emulator's contract: each type has a row, each stack is
created, and no property is dropped."""

from __future__ import annotations

from local.emulator.recorded import RECORDED, UNREAD
from tests.local.contract.test_types import ROWS

# Types whose contract needs a stack in each of two Regions: the module that holds it.
ELSEWHERE = {"AWS::KMS::ReplicaKey": "test_behaviour"}


def _types(assembly):
    return {
        resource["Type"]
        for stack in assembly.stacks.values()
        for resource in stack.resources.values()
    }


def test_every_synthesized_type_has_a_row(assembly):
    kinds = {row.kind for row in ROWS} | ELSEWHERE.keys()
    custom = any(kind.startswith("Custom::") for kind in kinds)
    missing = {
        kind
        for kind in _types(assembly) - kinds
        if not (custom and kind.startswith("Custom::"))  # one protocol for all of them
    }
    assert not missing, f"give {sorted(missing)} a row in tests/local/contract/rows"


def test_what_is_only_on_paper_is_a_type_of_the_contract():
    kinds = {row.kind for row in ROWS}
    assert RECORDED.keys() | {kind for kind, _ in UNREAD} <= kinds


def test_every_resource_of_every_stack_is_created(assembly, environment):
    expected = {
        (stack.name, logical_id)
        for stack in assembly.stacks.values()
        for logical_id, resource in stack.resources.items()
    }
    found = {
        key
        for key, resource in environment.resources.items()
        if resource.status == "CREATE_COMPLETE" and resource.ref
    }
    assert found == expected


def test_no_property_of_an_environment_is_dropped(environment):
    dropped = environment.unread - set(UNREAD)
    assert not dropped, "read them in local/emulator/extension, or give UNREAD the reason"


def test_an_accepted_drop_is_one_that_happens(deployed):
    assert set(UNREAD) <= deployed.unread, f"take {set(UNREAD) - deployed.unread} out of UNREAD"
