"""The site that the upgrade's function gets: readable to it, and within Lambda's limit.

That every name leads to what the function changes is tests/deployed/test_upgrade.py.
"""

from __future__ import annotations

import pytest

from functions.upgrade.site import HALVES, site_of
from tests.upgrade.names import Names

# Of all variables of a function, names and values (AWS Lambda Developer Guide, quotas).
LIMIT = 4_096


@pytest.fixture(params=["production", "small"], scope="module")
def variables(request, assembly_of) -> dict[str, str]:
    """Return the variables of the environment's function, as CloudFormation resolves them."""
    assembly = assembly_of(request.param)
    [stack] = [stack for name, stack in assembly.stacks.items() if name.endswith("-upgrade")]
    [found] = [
        function["Environment"]["Variables"]
        for function in stack.of_type("AWS::Lambda::Function").values()
        if function["Handler"] == "functions.upgrade.handler.handler"
    ]
    names = Names(assembly)
    return {name: names.text(value, stack) for name, value in found.items()}


@pytest.fixture
def site(variables):
    return site_of(variables["SITE"], client=lambda *_: None)


def test_all_variables_fit_into_a_function(variables):
    size = sum(len(name.encode()) + len(value.encode()) for name, value in variables.items())
    assert size <= LIMIT


def test_the_function_reads_both_regions(site):
    assert [place.region for place in site.places] == ["us-east-1", "us-west-2"]
    for place in site.places:
        assert tuple(place.halves) == HALVES
        for service in (*place.releasing.values(), place.edge):
            assert service.cluster
            assert service.name
        for half in HALVES:
            assert f"{place.region}:" in place.halves[half].targets
        assert all(service.family for service in place.releasing.values())
        assert place.workers
        assert len(place.alarms) == len(HALVES)
    assert ":listener-rule/" in site.primary.rule
    assert site.standby.rule is None
    assert site.exit.alarm
    assert site.exit.seconds > 0


def test_operations_are_told_where_the_app_answers(site):
    given = site.operations.variables
    assert given["APP_ADDRESS"].endswith(".elb.amazonaws.com:443")
    assert {"APP_NAME", "TEST_HEADER", "TEST_HALF"} < set(given)


def test_of_all_tables_an_upgrade_may_touch_those_of_the_control_alone(production):
    """Session stores remain live: no step could stop or change one."""
    stack = production.part("us-east-1", "upgrade")
    names = Names(production)
    statements = [
        statement
        for policy in stack.of_type("AWS::IAM::Policy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if any(action.startswith("dynamodb:") for action in [*_listed(statement["Action"])])
    ]
    tables = {
        names.text(resource, stack).rpartition("/")[2]
        for statement in statements
        for resource in _listed(statement["Resource"])
    }
    assert len(tables) == 2
    assert all("-control-" in table for table in tables)


def _listed(value):
    return value if isinstance(value, list) else [value]
