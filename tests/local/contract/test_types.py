"""Every type of every environment: made, read back, changed and deleted, by the service's API.

A new version of the emulator must pass all of this.
"""

from __future__ import annotations

import json
import uuid
from importlib import import_module
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.local.contract.deployment import wait
from tests.local.contract.row import GoneError, Row, Seen

ROWS: list[Row] = [
    row
    for module in sorted((Path(__file__).parent / "rows").glob("*.py"))
    for row in import_module(f"tests.local.contract.rows.{module.stem}").ROWS
]

_CAPABILITIES = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_type_is_made_read_back_changed_and_deleted(row, aws):
    cloudformation = aws("cloudformation")
    name = f"contract-{uuid.uuid4().hex[:12]}"
    stack = cloudformation.create_stack(
        StackName=name, TemplateBody=json.dumps(row.template()), Capabilities=_CAPABILITIES
    )["StackId"]  # a deleted stack is found by it alone
    try:
        wait(cloudformation, name, "CREATE_COMPLETE")
        first = _seen(aws, name)
        assert row.read(first) == row.made
        if row.update:
            cloudformation.update_stack(
                StackName=name,
                TemplateBody=json.dumps(row.template(updated=True)),
                Capabilities=_CAPABILITIES,
            )
            wait(cloudformation, name, "UPDATE_COMPLETE")
            second = _seen(aws, name)
            assert row.read(second) == row.changed
            assert (second.ref != first.ref) == row.replaces
            if row.replaces:  # what is read by its place is the second one
                assert _gone(row, first) or row.read(first) == row.changed
            first = second
    finally:
        cloudformation.delete_stack(StackName=name)
    wait(cloudformation, stack, "DELETE_COMPLETE")
    assert _gone(row, first)


def _seen(aws, name):
    found = aws("cloudformation").describe_stack_resources(StackName=name)["StackResources"]
    refs = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}
    return Seen(aws, refs, refs["Subject"])


def _gone(row, seen):
    """Whether the service's API no longer knows the resource."""
    try:
        row.read(seen)
    except GoneError:
        return True
    except ClientError as error:
        code = error.response["Error"]["Code"]
        words = ("notfound", "nosuch", "notexist", "nonexist", "invaliddocument")
        return any(word in code.lower() for word in words)
    return False
