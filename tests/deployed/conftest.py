"""Each environment is deployed once per run; production stands until the last test has read it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from assembly.reader import Assembly
from tests.deployed.deployment import Deployment, deployed_into_emulator


@pytest.fixture(scope="session")
def deployed(
    production: Assembly, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """Return production, deployed."""
    with deployed_into_emulator(production, tmp_path_factory.mktemp("production")) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def environment(
    assembly: Assembly, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """Return each of the shipped environments in turn, deployed."""
    if assembly == request.getfixturevalue("production"):
        yield request.getfixturevalue("deployed")
        return
    with deployed_into_emulator(assembly, tmp_path_factory.mktemp("environment")) as deployment:
        yield deployment
