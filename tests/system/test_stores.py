"""What the app tier and the worker are told of their stores, and what they may do there."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import AliasChoices, BaseModel

from config.environments import PRODUCTION
from config.model import DRAIN_SECONDS
from functions.upgrade import site as functions_of_the_upgrade
from mainstay.app_tier.halves import HALVES
from mainstay.stateless.drain import BEYOND_LONGEST_REQUEST
from service.settings import api_settings, worker_settings
from tests.conftest import ROOT

STORES = ("entity", "transaction")
ROLES = {"app_reader", "app_writer"}
# Set by Amazon ECS, or read where the first name is not set.
_NOT_OURS = {"ECS_CONTAINER_METADATA_URI_V4", "AWS_DEFAULT_REGION"}


def variables(system: Any, stack: Any, task: dict[str, Any]) -> dict[str, str]:
    """As the task sees them; what is a reference reads as part:Region:attribute."""
    [container] = task["ContainerDefinitions"]
    return {item["Name"]: text(system, stack, item["Value"]) for item in container["Environment"]}


def text(system: Any, stack: Any, value: Any) -> str:
    if isinstance(value, str):
        return value
    if "Fn::Join" in value:
        return "".join(text(system, stack, part) for part in value["Fn::Join"][1])
    found = system.resource(stack, value)
    attribute = str(value).replace("'", " ").split("GetAttStoreCluster")[-1]
    what = "reader" if "ReadEndpoint" in attribute else "writer"
    return f"{what}.{found.stack.name.rpartition('-')[2]}.{found.stack.region}"


def told(system: Any, region: str, part: str) -> list[dict[str, str]]:
    stack = system.part(region, part)
    tasks = stack.of_type("AWS::ECS::TaskDefinition").values()
    return [{"AWS_REGION": region, **variables(system, stack, task)} for task in tasks]


def hosts(addresses: str) -> list[str]:
    found = [address.rpartition(":") for address in addresses.split(",")]
    assert {port for _, _, port in found} == {"5432"}
    return [host for host, _, _ in found]


def names(settings: BaseModel) -> set[str]:
    """Return the variables that settings are read from."""
    found: set[str] = set()
    for field in type(settings).model_fields.values():
        alias = field.validation_alias
        found |= set(map(str, alias.choices)) if isinstance(alias, AliasChoices) else {str(alias)}
    return found


@pytest.mark.parametrize(("part", "settings"), [("app", api_settings), ("worker", worker_settings)])
def test_every_variable_of_the_contract_is_there(system, part, settings):
    """What the template sets is what the service validates at start: nothing more, nothing less."""
    for region in system.regions:
        for variables_ in told(system, region, part):
            found = settings(variables_)  # raises for one that is missing or wrong
            # Not ours: libpq reads two, and ECS sets those of the task itself.
            libpq, task = {"PGSSLMODE", "PGSSLROOTCERT"}, {"HOST", "BUILD", "TASK_ID"}
            assert set(variables_) - libpq <= names(found)
            if part == "app":
                left = names(found) - task - set(variables_)
                optional = {"REPORTING", "REPORTING_WORKGROUP", "REPORTING_DATABASE"}
                assert left <= {*optional, *_NOT_OURS}
                assert found.domain == system.environment.domain
                warehouse = system.of_type("AWS::RedshiftServerless::Workgroup")
                assert (found.reporting_workgroup is not None) == any(True for _ in warehouse)


def test_every_variable_of_the_sidecar_is_there(system):
    """One that is missing would keep it from starting: functions.mode_follower reads these."""
    for region in system.regions:
        stack = system.part(region, "edge")
        [task] = stack.of_type("AWS::ECS::TaskDefinition").values()
        [sidecar] = [one for one in task["ContainerDefinitions"] if one["Name"] == "mode"]
        source = (ROOT / "lambda/functions/mode_follower/__main__.py").read_text()
        required = set(re.findall(r'os\.environ\["(\w+)"\]', source))
        assert {item["Name"] for item in sidecar["Environment"]} == required


def test_both_sides_agree_on_the_halves_and_on_the_time_to_drain():
    """The names of the halves, and the seconds in which a leaving server ends its work."""
    assert HALVES == functions_of_the_upgrade.HALVES
    assert BEYOND_LONGEST_REQUEST.to_seconds() == DRAIN_SECONDS


def test_the_halves_are_told_the_same_but_which_they_are(system):
    for region in system.regions:
        blue, green = told(system, region, "app")
        assert {blue.pop("HALF"), green.pop("HALF")} == {"blue", "green"}
        assert blue == green


def test_reads_go_to_readers_of_the_own_region_and_to_master_a_first(production_system):
    expected = {
        "us-east-1": ["reader.entitya.us-east-1", "reader.entityb.us-east-1"],
        "us-west-2": ["reader.entitycopy.us-west-2"],
    }
    for region, readers in expected.items():
        for variables_ in told(production_system, region, "app"):
            assert hosts(variables_["ENTITY_READERS"]) == readers
            own = "transaction" if region == "us-east-1" else "transactioncopy"
            assert hosts(variables_["TRANSACTION_READERS"]) == [f"reader.{own}.{region}"]


def test_writes_of_the_standby_cross_over_until_its_copy_is_promoted(production_system):
    masters = ["writer.entitya.us-east-1", "writer.entityb.us-east-1"]
    expected = {"us-east-1": masters, "us-west-2": ["writer.entitycopy.us-west-2", *masters]}
    for region, writers in expected.items():
        for variables_ in told(production_system, region, "app"):
            assert hosts(variables_["ENTITY_WRITER"]) == writers
    primary = "writer.transaction.us-east-1"
    expected = {
        "us-east-1": [primary],
        "us-west-2": ["writer.transactioncopy.us-west-2", primary],
    }
    for region, writers in expected.items():
        [variables_] = told(production_system, region, "worker")
        assert hosts(variables_["TRANSACTION_WRITER"]) == writers


def test_a_login_needs_no_password(system):
    """Neither tier reads a secret: a token of the role takes its place."""
    for part in ("app", "worker"):
        for region in system.regions:
            template = str(system.part(region, part).template)
            assert "secretsmanager" not in template
            assert "SecretString" not in template


@pytest.mark.parametrize("part", ["app", "worker"])
def test_each_may_log_in_where_it_is_told_to_go_and_nowhere_else(production_system, part):
    for region in production_system.regions:
        stack = production_system.part(region, part)
        clusters: dict[str, set[str]] = {}
        for statement in statements(stack):
            if statement["Action"] != "rds-db:connect":
                continue
            found = statement["Resource"]
            for resource in found if isinstance(found, list) else [found]:
                arn = users(production_system, stack, resource)
                clusters.setdefault(arn.rpartition("/")[2], set()).add(arn.split("|")[1])
        known = {
            name.rpartition(".")[0].rpartition(".")[2]
            for variables_ in told(production_system, region, part)
            for key, value in variables_.items()
            if key.endswith(("_READERS", "_WRITER"))
            for name in value.replace(":5432", "").split(",")
        }
        assert set().union(*clusters.values()) == known
        assert set(clusters) == (ROLES if part == "app" else {"app_writer"})


def users(system: Any, stack: Any, value: Any) -> str:
    """The ARN with |part| in place of the cluster's resource id; its Region is the cluster's."""
    words = []
    for one in value["Fn::Join"][1]:
        if isinstance(one, str):
            words.append(one)
            continue
        found = system.resource(stack, one)
        assert "DBClusterResourceId" in str(one)
        assert f"arn:aws:rds-db:{found.stack.region}:" in str(words)
        words.append(f"|{found.stack.name.rpartition('-')[2]}|")
    return "".join(words)


def statements(stack: Any) -> list[dict[str, Any]]:
    return [
        statement
        for policy in stack.of_type("AWS::IAM::Policy").values()
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def test_each_region_fills_and_drains_its_own_queue(system):
    for region in system.regions:
        queue = f"writer.events.{region}"
        for part in ("app", "worker"):
            assert {one["EVENTS_QUEUE_URL"] for one in told(system, region, part)} == {queue}


def test_an_event_waits_fourteen_days_and_is_set_aside_after_five_failures(system):
    for region in system.regions:
        events, dead = sorted(
            system.of_type("AWS::SQS::Queue", region), key=lambda queue: "Dead" in queue.logical_id
        )
        for queue in (events, dead):
            assert queue.properties["MessageRetentionPeriod"] == 14 * 86_400
            key = system.resource(queue.stack, queue.properties["KmsMasterKeyId"])
            assert key.name == "KeysTransaction"
        redrive = events.properties["RedrivePolicy"]
        assert redrive["maxReceiveCount"] == 5
        assert redrive["deadLetterTargetArn"]["Fn::GetAtt"][0] == dead.logical_id


def test_reports_are_asked_of_a_database_of_our_own_in_the_warehouse(production_system):
    for region in production_system.regions:
        for variables_ in told(production_system, region, "app"):
            assert variables_["REPORTING_WORKGROUP"] == "mainstay-production-reporting"
            assert variables_["REPORTING_DATABASE"] == "reporting"


def test_nothing_serves_before_the_first_start(system):
    for region in system.regions:
        operations = system.part(region, "operations")
        for part in ("app", "worker"):
            assert operations.name in system.part(region, part).dependencies


def test_a_standby_serves_after_the_primary_s_first_start_and_its_session_table(production_system):
    """They make the schema that the copies have, and the table whose replica the servers write:
    nothing else refers to them, and a server that never gets healthy fails its stack."""
    primary, *standbys = production_system.regions
    needed = {production_system.part(primary, part).name for part in ("operations", "session")}
    for region in standbys:
        for part in ("app", "worker"):
            assert needed <= set(production_system.part(region, part).dependencies)


def test_the_first_start_makes_the_stores_where_the_masters_are(system):
    primary, *standbys = system.regions
    bootstrap = ["python", "-m", "service.operations", "bootstrap"]
    assert first_start(system, primary) == [[*bootstrap, store] for store in STORES]
    for region in standbys:
        assert first_start(system, region) == [
            ["python", "-m", "functions.control_table", "begin", "--by", "bootstrap"]
        ]


def first_start(system: Any, region: str) -> list[list[str]]:
    stack = system.part(region, "operations")
    [resource] = stack.of_type("Custom::FirstStart").values()
    group = system.resource(stack, resource["SecurityGroup"])
    assert group.name == "NetworkGroupsOperations"
    [task] = stack.of_type("AWS::ECS::TaskDefinition").values()
    assert resource["TaskDefinition"] == task["Family"]
    return resource["Commands"]


def test_the_first_start_waits_for_every_server_that_it_works_on(production_system):
    needed = production_system.part("us-east-1", "operations").dependencies
    for region, part in (
        ("us-east-1", "entitya"),
        ("us-east-1", "entityb"),
        ("us-east-1", "transaction"),
        ("us-west-2", "delayed"),
        ("us-east-1", "peering"),
    ):
        assert production_system.part(region, part).name in needed


def test_two_workers_drain_each_region_of_production(production_system):
    for worker in production_system.workers():
        target = production_system.scaling(worker).properties
        size = PRODUCTION.worker
        assert (target["MinCapacity"], target["MaxCapacity"]) == (size.min_tasks, size.max_tasks)
        assert worker.properties["TaskDefinition"] == "mainstay-production-worker"
