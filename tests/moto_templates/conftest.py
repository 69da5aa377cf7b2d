"""Production's templates, created in moto once and read back by every test here."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from moto import mock_aws

from assembly.reader import Assembly
from tests.conftest import ACCOUNT
from tests.moto_templates.deployment import MOTO_CONFIG, Deployment, client
from tests.moto_templates.table import TABLE

_made: dict[Assembly, Deployment] = {}


def _still_there(deployment: Deployment) -> bool:
    """False when another test's mock has emptied the account in between."""
    vpc = next(deployment.of_type("AWS::EC2::VPC"))
    found = client("ec2", vpc.region).describe_vpcs()["Vpcs"]
    return vpc.ref in {one["VpcId"] for one in found}


@pytest.fixture
def deployed(production: Assembly) -> Iterator[Deployment]:
    """The account after production was deployed; its state outlives each test, for speed.

    Read only: a test that changes the account spoils it for the next.
    """
    before = os.environ.get("MOTO_ACCOUNT_ID")
    os.environ["MOTO_ACCOUNT_ID"] = ACCOUNT
    moto = mock_aws(config=MOTO_CONFIG)
    moto.start(reset=False)
    try:
        if production not in _made or not _still_there(_made[production]):
            _made[production] = Deployment(TABLE, ACCOUNT)
            _made[production].deploy(production)
        yield _made[production]
    finally:
        moto.stop(remove_data=False)
        if before is None:
            del os.environ["MOTO_ACCOUNT_ID"]
        else:
            os.environ["MOTO_ACCOUNT_ID"] = before
