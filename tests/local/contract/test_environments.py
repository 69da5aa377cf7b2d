"""The shipped environments against the contract: every type has a row, no property is dropped."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager

import pytest

from local import process
from local.emulator.recorded import RECORDED, UNREAD
from local.emulator.server import Emulator
from tests.local.contract.conftest import clients, free_port
from tests.local.contract.deployment import ACCOUNT, deploy
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


class _Tracing(Emulator):
    """An emulator that writes down which properties no handler reads."""

    def _variables(self):
        return {**super()._variables(), "MAINSTAY_TRACE": str(self.folder / "unread.json")}


@contextmanager
def _tasks_that_end_well(aws):
    """What is run by itself, a first start, is said to have ended well: no process runs here."""
    over = threading.Event()

    def report():
        while not over.wait(0.2):
            for region in ("us-east-1", "us-west-2"):
                ecs = aws("ecs", region)
                for cluster in ecs.list_clusters()["clusterArns"]:
                    for arn in ecs.list_tasks(cluster=cluster)["taskArns"]:
                        [task] = ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"]
                        if not task.get("group", "").startswith("service:"):
                            ended = {"containerName": "operations", "exitCode": 0}
                            ecs.submit_task_state_change(
                                cluster=cluster, task=arn, status="STOPPED", containers=[ended]
                            )

    agent = threading.Thread(target=report)
    agent.start()
    try:
        yield
    finally:
        over.set()
        agent.join()


@pytest.fixture(scope="module")
def unread(assembly, tmp_path_factory):
    """The properties that no handler read when an environment was deployed whole."""
    folder = tmp_path_factory.mktemp("tracing")
    emulator = _Tracing(folder=folder, port=free_port(), account=ACCOUNT)
    try:
        emulator.start()
        with _tasks_that_end_well(clients(emulator.endpoint)):
            deployed = deploy(assembly.directory, clients(emulator.endpoint))
    finally:
        process.end_all(folder)
    assert len(deployed) == len(assembly.stacks)
    told = json.loads((folder / "unread.json").read_text())
    return {(kind, path) for kind, paths in told.items() for path in paths}


def test_an_environment_deploys_whole_and_no_property_is_dropped(unread):
    dropped = unread - set(UNREAD)
    assert not dropped, "read them in local/emulator/extension, or give UNREAD the reason"


@pytest.mark.parametrize("assembly", ["production"], indirect=True)
def test_an_accepted_drop_is_one_that_happens(unread):
    assert set(UNREAD) <= unread, f"take {set(UNREAD) - unread} out of UNREAD"
