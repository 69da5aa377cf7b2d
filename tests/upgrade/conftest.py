"""The synthesized machine, and a simulated account to run it in."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto import mock_aws

from tests.upgrade.interpreter import Machine
from tests.upgrade.regions import NEW
from tests.upgrade.simulated_account import UPGRADE, SimulatedAccount
from tests.upgrade.synthesized import definition_in


@pytest.fixture(scope="session")
def definition(production) -> str:
    """As production's template deploys it."""
    return definition_in(production.directory)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """moto logs each failure of a state at length, and failures are what is tested."""
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def account() -> Iterator[SimulatedAccount]:
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):  # type: ignore[arg-type]
        yield SimulatedAccount()


@pytest.fixture
def machine(account: SimulatedAccount) -> Iterator[Machine]:
    machine = account.machine()
    with machine.installed():
        yield machine


@pytest.fixture
def upgrade(machine: Machine, definition: str) -> Callable[..., dict[str, Any]]:
    """`upgrade("first", intent="go")`: an execution, from its start to its end."""

    def run(name: str, **given: Any) -> dict[str, Any]:
        given_input = {"upgrade": UPGRADE, "image": NEW, "by": "a test", **given}
        return machine.run(definition, name, given_input)

    return run
