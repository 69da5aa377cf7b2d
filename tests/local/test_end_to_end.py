"""Production, deployed by the real CDK CLI into the emulator, changed, and destroyed.

One story, told in order: each test is a chapter, and a chapter that fails ends it. What the
emulator is known to lack is said in docs/local.md; everything asserted here is read back through
AWS's own APIs or through the load balancers.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shlex
import signal
import socket
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from assembly.held import held
from assembly.reader import read
from assembly.retained import retained
from functions.control_table.mode import enter_read_only, leave_read_only
from local import databases, permissions, process
from local.first_tenant import LOGIN as USER
from local.first_tenant import PASSWORD
from local.session import LocalSession
from local.target import LocalTarget
from local.waiting import free_port, wait_until
from tests.local import clone as clones
from tests.local.clone import Clone

REGIONS = ("us-east-1", "us-west-2")
DOMAIN = "id.example.com"
LOGIN = json.dumps({"username": USER, "password": PASSWORD})
BEHAVIOURS = Path(__file__).with_name("behaviours.json")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    made = clones.make(tmp_path_factory.mktemp("clone"), free_port())
    yield made
    process.end_all(made.local)


@pytest.fixture(scope="module")
def target(clone: Clone) -> LocalTarget:
    return LocalTarget(
        endpoint=f"http://127.0.0.1:{clone.port}", account="111122223333", folder=clone.local
    )


@pytest.fixture(scope="module")
def session(clone: Clone) -> LocalSession:
    return LocalSession(folder=clone.local, port=clone.port, endpoint=None)


@pytest.fixture(scope="module", autouse=True)
def chapters() -> dict[str, bool]:
    return {}


@pytest.fixture(autouse=True)
def _in_order(request: pytest.FixtureRequest, chapters: dict[str, bool]) -> Iterator[None]:
    """A chapter whose predecessor failed fails at once and says so."""
    broken = next((name for name, whole in chapters.items() if not whole), None)
    if broken is not None:
        pytest.fail(f"not tried: {broken} failed before it")
    failed = request.session.testsfailed
    yield
    chapters[request.node.name] = request.session.testsfailed == failed


def https(
    session: LocalSession, listener: dict[str, Any], path: str, body: str | None = None
) -> http.client.HTTPResponse:
    host = urlsplit(listener["url"]).hostname or ""
    address, _, port = listener["address"].rpartition(":")
    context = ssl.create_default_context(cafile=str(session.authority))
    connection = http.client.HTTPSConnection(address, int(port), timeout=30)
    plain = socket.create_connection((address, int(port)), timeout=30)
    connection.sock = context.wrap_socket(plain, server_hostname=host)
    headers = {"Host": host, "Connection": "close"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    connection.request("GET" if body is None else "POST", path, body, headers)
    answer = connection.getresponse()
    answer.body = answer.read()  # pyright: ignore[reportAttributeAccessIssue]
    return answer


def listeners(session: LocalSession, *, public: bool) -> list[dict[str, Any]]:
    return [
        one
        for one in session.status()["listeners"]
        if one["public"] is public and one["listener"] == "HTTPS 443"
    ]


def test_one_command_deploys_everything_and_ends_with_a_line_that_answers(clone: Clone):
    printed = clone.run("up")
    assert printed.exit_code == 0, printed.output
    line = re.search(r"curl (--cacert .+)", printed.output)
    assert line, printed.output
    answer = _curl(clone, shlex.split(line[1]))
    assert answer.startswith("HTTP/1.1 200")
    assert '"sessionToken"' in answer


def test_the_printed_login_s_audit_event_reaches_the_transaction_store(
    clone: Clone, target: LocalTarget, session: LocalSession
):
    """Through the Region's queue and the deployed worker, over TLS to the cluster's writer."""
    known = databases.read(session.folder)
    writer = databases.writer_of(session.folder, "transaction-a")
    secrets = target.client("secretsmanager", REGIONS[0])
    secret = secrets.get_secret_value(SecretId="mainstay-production-transaction-a/master")
    dsn = make_conninfo(
        host=writer,
        hostaddr=known[writer],
        dbname="mainstay",
        user="mainstay",
        password=json.loads(secret["SecretString"])["password"],
        sslmode="verify-full",
        sslrootcert=str(session.folder / "databases" / "authority.pem"),
    )

    def arrived() -> bool:
        with psycopg.connect(dsn) as connection:
            found = connection.execute("SELECT count(*) FROM event WHERE kind = 'login'").fetchone()
            return found is not None and found[0] > 0

    wait_until(arrived, "the event of a login", seconds=90)


def test_every_stack_stands_in_its_region(target: LocalTarget, clone: Clone):
    wanted = Counter(stack.region for stack in read(clone.local / "cdk.out").stacks.values())
    assert set(wanted) == set(REGIONS)
    for region in REGIONS:
        stacks = target.client("cloudformation", region).describe_stacks()["Stacks"]
        states = Counter(s["StackStatus"] for s in stacks if s["StackName"].startswith("mainstay"))
        assert states == {"CREATE_COMPLETE": wanted[region]}


def test_records_of_both_regions_stand_in_the_zone(target: LocalTarget):
    route53 = target.client("route53", REGIONS[0])
    (zone,) = [z for z in route53.list_hosted_zones()["HostedZones"] if z["Name"] == f"{DOMAIN}."]
    records = [
        record
        for page in route53.get_paginator("list_resource_record_sets").paginate(
            HostedZoneId=zone["Id"]
        )
        for record in page["ResourceRecordSets"]
    ]
    failover = {r["Failover"]: r for r in records if r.get("Failover") and r["Type"] == "A"}
    assert set(failover) == {"PRIMARY", "SECONDARY"}
    targets = {place: record["AliasTarget"]["DNSName"] for place, record in failover.items()}
    for place, region in zip(("PRIMARY", "SECONDARY"), REGIONS, strict=True):
        balancers = target.client("elbv2", region).describe_load_balancers()["LoadBalancers"]
        public = [b for b in balancers if b["Scheme"] == "internet-facing"]
        name = targets[place].removeprefix("dualstack.").removesuffix(".")
        assert [b["DNSName"] for b in public] == [name]


def test_both_halves_take_what_the_deployed_weights_say(session: LocalSession, target: LocalTarget):
    (internal, *_) = [
        one for one in listeners(session, public=False) if one["region"] == REGIONS[0]
    ]
    assert set(_halves(session, internal, 40)) == {"blue", "green"}
    elbv2 = target.client("elbv2", REGIONS[0])
    rule, groups = _weights(elbv2)
    _set(elbv2, rule, groups, [100, 0])
    only = _halves(session, internal, 20)
    _set(elbv2, rule, groups, [0, 100])
    other = _halves(session, internal, 20)
    _set(elbv2, rule, groups, [50, 50])
    assert len(only) == len(other) == 1
    assert set(only) | set(other) == {"blue", "green"}


def test_both_regions_answer_through_balancer_nginx_and_app(session: LocalSession):
    public = listeners(session, public=True)
    assert [one["region"] for one in public] == list(REGIONS)
    for one in public:
        assert https(session, one, "/health/login").status == 200


def test_the_edge_follows_the_control_table_of_its_region(
    session: LocalSession, target: LocalTarget
):
    (first, second) = listeners(session, public=True)
    dynamodb = target.client("dynamodb", REGIONS[0])
    (table,) = [name for name in dynamodb.list_tables()["TableNames"] if "control" in name.lower()]

    def mode(one: dict[str, Any]) -> str | None:
        return https(session, one, "/health/login").headers["X-Edge-Mode"]

    wait_until(lambda: mode(first) == mode(second) == "READ_WRITE", "READ_WRITE", seconds=90)
    now = datetime.now(UTC)
    state = enter_read_only(dynamodb, table, reason="drill", by="test", at=now)
    wait_until(lambda: mode(first) == "READ_ONLY", "READ_ONLY", seconds=90)
    assert mode(second) == "READ_WRITE"
    leave_read_only(dynamodb, table, epoch=state.epoch, reason="over", by="test", at=now)
    wait_until(lambda: mode(first) == "READ_WRITE", "READ_WRITE", seconds=90)


def test_targets_are_the_tasks_and_are_healthy(session: LocalSession, target: LocalTarget):
    for region in REGIONS:
        elbv2 = target.client("elbv2", region)
        addresses: set[str] = set()
        for group in elbv2.describe_target_groups()["TargetGroups"]:
            found = elbv2.describe_target_health(TargetGroupArn=group["TargetGroupArn"])
            states = {
                entry["Target"]["Id"]: entry["TargetHealth"]["State"]
                for entry in found["TargetHealthDescriptions"]
            }
            assert set(states.values()) == {"healthy"}
            addresses |= set(states)
        behind = _balanced(target.client("ecs", region))
        tasks = [t for t in session.status()["tasks"] if t["region"] == region]
        # A worker is asked by nobody: it has a service, and no target group.
        assert {task["service"] for task in tasks} > behind
        assert addresses == {task["address"] for task in tasks if task["service"] in behind}


def test_a_killed_server_comes_back_and_no_request_notices(session: LocalSession):
    (first, *_) = listeners(session, public=True)
    victim = next(
        task
        for task in session.status()["tasks"]
        if task["region"] == REGIONS[0] and "-app-" in (task["service"] or "")
    )
    os.kill(victim["pids"][0], 9)

    def again() -> bool:
        now = {task["task"]: task for task in session.status()["tasks"]}[victim["task"]]
        return now["state"] == "serving" and now["pids"] != victim["pids"]

    wait_until(again, "the killed server's successor")
    assert https(session, first, "/health/login").status == 200


def test_desired_count_and_tasks_follow_each_other(session: LocalSession, target: LocalTarget):
    ecs = target.client("ecs", REGIONS[0])
    service, cluster, count = _service(ecs, "Blue")
    ecs.update_service(cluster=cluster, service=service, desiredCount=count - 2)

    def serving() -> int:
        states = Counter(
            task["state"] for task in session.status()["tasks"] if task["service"] == service
        )
        return states["serving"] if states["serving"] == states.total() else -1

    wait_until(lambda: serving() == count - 2, "two tasks fewer", seconds=90)
    ecs.update_service(cluster=cluster, service=service, desiredCount=count)
    wait_until(lambda: serving() == count, "as many tasks as before", seconds=90)


def test_a_machine_runs_an_alarm_rings_and_a_lock_holds(target: LocalTarget):
    """Behaviours that later stacks depend on, from a template of their own."""
    cloudformation = target.client("cloudformation", REGIONS[0])
    cloudformation.create_stack(
        StackName="behaviours",
        TemplateBody=BEHAVIOURS.read_text(),
        Capabilities=["CAPABILITY_IAM"],
    )

    def outputs() -> dict[str, str]:
        (stack,) = cloudformation.describe_stacks(StackName="behaviours")["Stacks"]
        assert not stack["StackStatus"].startswith("ROLLBACK"), stack
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", ())}

    wait_until(lambda: len(outputs()) == 3, "three outputs", log=outputs)
    made = outputs()
    sqs = target.client("sqs", REGIONS[0])
    target.client("stepfunctions", REGIONS[0]).start_execution(
        stateMachineArn=made["Machine"], input=json.dumps({"name": "ran"})
    )
    assert "machine ran" in _message(sqs, made["Queue"], "machine")
    target.client("cloudwatch", REGIONS[0]).put_metric_data(
        Namespace="Probe", MetricData=[{"MetricName": "Failures", "Value": 3}]
    )
    assert "ALARM" in _message(sqs, made["Queue"], "NewStateValue")
    s3 = target.client("s3", REGIONS[0])
    version = s3.put_object(Bucket=made["Locked"], Key="kept", Body=b"kept")["VersionId"]
    with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=made["Locked"], Key="kept", VersionId=version)


def test_the_delayed_replica_follows_its_follower_later(session: LocalSession):
    """Its delay is what its launch template says; a standby that an operation ends comes back."""
    names = databases.read(session.folder)
    (delayed,) = [name for name in names if _applies_later(session, name)]
    with psycopg.connect(databases.operator(session.folder, delayed)) as connection:
        (delay,) = connection.execute("SHOW recovery_min_apply_delay").fetchone() or ("",)
        assert delay == "1h"
        # As its boot has it, and as `delayed pause` needs it.
        mainstay = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = 'mainstay'")
        assert mainstay.fetchone() == (True,)
        (sender,) = connection.execute(
            "SELECT sender_host FROM pg_stat_wal_receiver"
        ).fetchone() or ("",)
    assert sender in {f"{databases.data_folder(session.folder, name)}.socket" for name in names}
    pid = _postmaster(session, delayed)
    os.kill(pid, signal.SIGINT)
    wait_until(
        lambda: _postmaster(session, delayed) not in (None, pid), "a new standby", seconds=90
    )


def test_the_deployed_machine_upgrades_both_regions(
    clone: Clone, target: LocalTarget, session: LocalSession
):
    """The shipped command, machine, function and operations; only resolvers, of which there are
    none here, are not waited for."""
    _forget_resolvers(target)
    words = ("--image", "mainstay.local/app:next", "--bake", "1", "--class", "breaking")
    printed = clone.upgrade("start", *words)
    assert printed.exit_code == 0, printed.output
    assert printed.output.endswith("upgraded: every row of the table is done\n"), printed.output
    for region in REGIONS:
        for service in _app_services(target, region):
            assert _image(target, region, service["taskDefinition"]) == "mainstay.local/app:next"
            assert service["runningCount"] == service["desiredCount"] > 0
    (first, *_) = listeners(session, public=True)
    assert https(session, first, "/api/v1/authn", body=LOGIN).status == 200


def test_a_lag_enters_read_only_by_itself_and_a_person_leaves_once_it_is_over(
    clone: Clone, target: LocalTarget
):
    """The deployed alarm, rule and function; both Regions, and no leaving while it stands.

    By data, for a state that is set by hand holds only until the alarm is evaluated again.
    """
    cloudwatch = target.client("cloudwatch", REGIONS[0])
    found = cloudwatch.get_paginator("describe_alarms").paginate().search("MetricAlarms[]")
    alarm = next(one for one in found if "ReplicationLag" in one["AlarmName"])
    lag = alarm["AlarmName"]

    def put(value: float, periods: int) -> None:
        datum = {"MetricName": alarm["MetricName"], "Dimensions": alarm["Dimensions"]}
        times = [datetime.now(UTC) - timedelta(seconds=alarm["Period"] * n) for n in range(periods)]
        data = [{**datum, "Value": value, "Timestamp": time} for time in times]
        cloudwatch.put_metric_data(Namespace=alarm["Namespace"], MetricData=data)

    def shown(region: str) -> dict[str, Any]:
        return json.loads(clone.mode("show", "--json", "--region", region).output)

    def state() -> str:
        return cloudwatch.describe_alarms(AlarmNames=[lag])["MetricAlarms"][0]["StateValue"]

    put(alarm["Threshold"] + 1, alarm["EvaluationPeriods"])
    for region in REGIONS:
        wait_until(lambda r=region: shown(r)["mode"] == "READ_ONLY", "READ_ONLY", seconds=90)
        assert lag in shown(region)["by"]
    epoch = str(shown(REGIONS[0])["epoch"])
    leave = ("leave", "--epoch", epoch, "--reason", "it is over")
    refused = clone.mode(*leave)
    assert refused.exit_code == 1
    assert lag in refused.output
    # Its data stay for a quarter of an hour, so what counts as a lag is raised above them.
    kept = {name: alarm[name] for name in _OF_AN_ALARM if name in alarm}
    cloudwatch.put_metric_alarm(**kept, Threshold=alarm["Threshold"] + 1)
    put(0, 1)
    wait_until(lambda: state() == "OK", "the alarm's end")
    for region in REGIONS:
        epoch = str(shown(region)["epoch"])
        printed = clone.mode(
            "leave", "--region", region, "--epoch", epoch, "--reason", "it is over"
        )
        assert printed.exit_code == 0, printed.output
        assert shown(region)["mode"] == "READ_WRITE"


_OF_AN_ALARM = (
    *("AlarmName", "AlarmActions", "OKActions", "MetricName", "Namespace", "Statistic"),
    *("Dimensions", "Period", "EvaluationPeriods", "ComparisonOperator", "TreatMissingData"),
)


def test_again_there_is_nothing_to_change(clone: Clone):
    printed = clone.run("up")
    assert printed.exit_code == 0
    assert "it runs already" in printed.output
    assert re.search(r"nothing to change: all \d+ stacks are as in the templates", printed.output)


def test_a_second_run_beside_it_is_refused(clone: Clone, session: LocalSession):
    with session.alone():
        printed = clone.run("diff")
    assert printed.exit_code == 1
    assert "another run works in" in printed.output


def test_an_edit_is_shown_and_deployed_and_nothing_else(clone: Clone, target: LocalTarget):
    clone.edit(
        "config/environments.py",
        "requests_per_client_per_minute=600,  # an office",
        "requests_per_client_per_minute=900,  # an office",
    )
    shown = clone.run("diff")
    assert shown.exit_code == 0
    assert "Number of stacks with differences: 2" in shown.output
    printed = clone.run("up")
    assert printed.exit_code == 0
    assert printed.output.count("(no changes)") == printed.output.count("✅") - 2
    for region in REGIONS:
        wafv2 = target.client("wafv2", region)
        (acl,) = wafv2.list_web_acls(Scope="REGIONAL")["WebACLs"]
        rules = wafv2.get_web_acl(Name=acl["Name"], Id=acl["Id"], Scope="REGIONAL")["WebACL"]
        assert 900 in _limits(rules["Rules"])
    assert "Number of stacks with differences: 0" in clone.run("diff").output


def test_with_the_writer_of_master_a_killed_every_login_succeeds(session: LocalSession):
    """Readers are servers of their own: the login asks none of the writers."""
    (first, *_) = listeners(session, public=True)
    writer = databases.writer_of(session.folder, "entity-a")
    os.kill(_postmaster(session, writer), signal.SIGKILL)
    for _ in range(10):
        assert https(session, first, "/health/login").status == 200
        assert https(session, first, "/api/v1/authn", body=LOGIN).status == 200


def test_every_schedule_reaches_its_target_by_its_own_role(
    target: LocalTarget, session: LocalSession
):
    """Each is due once within this test; what it starts runs by roles of its own."""
    schedules = [
        (scheduler, {name: found[name] for name in _SCHEDULE if name in found})
        for region in REGIONS
        for scheduler in [target.client("scheduler", region)]
        for listed in scheduler.list_schedules()["Schedules"]
        for found in [scheduler.get_schedule(Name=listed["Name"], GroupName=listed["GroupName"])]
    ]
    roles = {given["Target"]["RoleArn"] for _, given in schedules}
    for scheduler, given in schedules:
        scheduler.update_schedule(**{**given, "ScheduleExpression": "rate(1 minute)"})
    wait_until(lambda: roles <= _who_asked(session), "a call of every schedule's role", seconds=90)
    for scheduler, given in schedules:
        scheduler.update_schedule(**given)
    # No snapshot's blocks can be read here: the archive would be tried again for hours.
    machines = target.client("stepfunctions", REGIONS[1])
    (machine,) = machines.list_state_machines()["stateMachines"]
    asked = {"stateMachineArn": machine["stateMachineArn"], "statusFilter": "RUNNING"}
    for execution in machines.list_executions(**asked)["executions"]:
        machines.stop_execution(executionArn=execution["executionArn"])
    _wait_until_nothing_new_is_asked(session)
    _put_where_it_is_copied(target)


def test_nobody_was_denied_and_what_nobody_used_has_its_reason(session: LocalSession):
    """The whole story: what a grant is for has run, or the reviewed list says why it stays."""
    found = permissions.write(session)
    assert found is not None
    print((session.folder / "permissions.md").read_text())
    assert [
        (found.name(one["principal"]), one["action"], one["resource"], one["why"])
        for one in found.denied
    ] == []
    assert [(found.name(one["principal"]), one["what"]) for one in found.unknown] == []
    unused = {(name, action) for name, actions in found.unused.items() for action in actions}
    reviewed = permissions.acknowledged()
    listed = {(name, action) for name, each in reviewed.items() for action in each}
    assert sorted(unused - listed) == [], "granted, never used, and in no reviewed line"
    # What a run uses of the list depends on its pace: a retry, a late event, a failed first try.
    print("used in this run, though listed:", sorted(listed - unused))


def test_what_remains_of_a_destroy_is_what_the_dry_run_said(
    clone: Clone, target: LocalTarget, session: LocalSession
):
    """Where a database is retained, the network that it uses stays too, as AWS would have it."""
    stacks = read(clone.local / "cdk.out").stacks.values()
    networks = held(stacks)
    stays = retained(stack for stack in stacks if stack.path not in networks)
    dry = clone.run("destroy", "--dry-run")
    assert dry.exit_code == 0
    assert f"{len(stays)} resources stay" in dry.output
    for one in stays:
        assert one.path in dry.output
    for path in networks:
        assert f"{path}: " in dry.output
    physical = _physical(target)
    target.client("cloudformation", REGIONS[0]).delete_stack(StackName="behaviours")
    printed = clone.run("destroy")
    assert printed.exit_code == 0, printed.output
    kept = {(one.region, one.stack, one.logical_id): one.type for one in stays}
    unknown = set(kept.values()) - {*LISTED, "AWS::KMS::Key"}
    assert not unknown, f"say in LISTED how these are looked for: {sorted(unknown)}"
    for key, kind in kept.items():
        assert _exists(target, kind, key[0], physical[key]), (key, physical[key])
    wait_until(lambda: session.status()["tasks"] == [], "the end of all tasks")
    for region in REGIONS:
        assert _left(target, region) == []
        left = target.client("cloudformation", region).describe_stacks()["Stacks"]
        assert {
            stack["StackName"] for stack in left if stack["StackName"].startswith("mainstay-")
        } == {stack.name for stack in stacks if stack.path in networks and stack.region == region}


def test_reset_leaves_nothing_even_when_the_ecs_agent_was_killed(
    clone: Clone, target: LocalTarget, session: LocalSession
):
    """A deploy after a destroy forgets what was retained: its names would be in the way."""
    assert clone.run("up", "--environment", "dev").exit_code == 0
    tables = target.client("dynamodb", REGIONS[0]).list_tables()["TableNames"]
    assert tables
    assert not [name for name in tables if "production" in name]
    assert any("nginx" in line for line in _lines(clone))
    assert session.ecs_agent_pid is not None
    os.kill(session.ecs_agent_pid, 9)
    printed = clone.run("reset")
    assert printed.exit_code == 0
    assert clones.naming(clone.folder) == []
    assert not clone.local.exists()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", clone.port)) != 0


# What an update of a schedule takes, which replaces all of it.
_SCHEDULE = (
    *("Name", "GroupName", "Description", "FlexibleTimeWindow", "State", "Target"),
    *("ScheduleExpression", "ScheduleExpressionTimezone"),
)


def _put_where_it_is_copied(target: LocalTarget) -> None:
    """An object that is put into a bucket with a copy stands there by the copy's role."""
    s3 = target.client("s3", REGIONS[1])
    for bucket in (one["Name"] for one in s3.list_buckets()["Buckets"]):
        if bucket.endswith(("-archive", "-dumps")):
            s3.put_object(Bucket=bucket, Key="probe", Body=b"probe")
            head = s3.head_object(Bucket=bucket, Key="probe")
            assert head["ReplicationStatus"] == "COMPLETED"


def _who_asked(session: LocalSession) -> set[str]:
    return {one["principal"] for one in (permissions.record(session.url) or {})["calls"]}


def _wait_until_nothing_new_is_asked(session: LocalSession) -> None:
    """Wait for the end of what the schedules began: twenty seconds without a new kind of call."""
    seen: list[Any] = [None, time.monotonic()]

    def settled() -> bool:
        calls = (permissions.record(session.url) or {})["calls"]
        asked = {(one["principal"], one["action"]) for one in calls}
        if asked != seen[0]:
            seen[:] = [asked, time.monotonic()]
        return time.monotonic() - seen[1] > 20

    wait_until(settled, "the end of what the schedules began", seconds=180, pause=2)


def _applies_later(session: LocalSession, name: str) -> bool:
    with psycopg.connect(databases.operator(session.folder, name)) as connection:
        found = connection.execute("SHOW recovery_min_apply_delay").fetchone()
    return found != ("0",)


def _forget_resolvers(target: LocalTarget) -> None:
    """No resolver of this machine remembers an answer of the standby, and nobody else calls."""
    lambda_ = target.client("lambda", REGIONS[0])
    functions = lambda_.get_paginator("list_functions").paginate().search("Functions[]")
    (function,) = [one for one in functions if "SITE" in one.get("Environment", {})["Variables"]]
    variables = function["Environment"]["Variables"]
    site = json.loads(variables["SITE"])
    site["exit"]["seconds"], site["quiet_seconds"] = 1, 1
    lambda_.update_function_configuration(
        FunctionName=function["FunctionName"],
        Environment={"Variables": {**variables, "SITE": json.dumps(site)}},
    )


def _app_services(target: LocalTarget, region: str) -> list[dict[str, Any]]:
    ecs = target.client("ecs", region)
    return [
        service
        for cluster in ecs.list_clusters()["clusterArns"]
        for names in [ecs.list_services(cluster=cluster)["serviceArns"]]
        if names
        for service in ecs.describe_services(cluster=cluster, services=names)["services"]
        if "-app-" in service["serviceName"] or "-worker-" in service["serviceName"]
    ]


def _image(target: LocalTarget, region: str, revision: str) -> str:
    ecs = target.client("ecs", region)
    found = ecs.describe_task_definition(taskDefinition=revision)["taskDefinition"]
    return found["containerDefinitions"][0]["image"]


def _postmaster(session: LocalSession, name: str) -> Any:
    """The process of the database server behind an endpoint; None while there is none."""
    try:
        found = (databases.data_folder(session.folder, name) / "postmaster.pid").read_text()
    except OSError:
        return None
    return int(found.splitlines()[0])


def _lines(clone: Clone) -> list[str]:
    pids = clones.naming(clone.folder)
    return [Path(f"/proc/{pid}/cmdline").read_text(errors="replace") for pid in pids]


def _curl(clone: Clone, arguments: list[str]) -> str:
    """The printed line, as curl would do it; curl itself need not be installed."""
    options = dict(zip(arguments[:-1:2], arguments[1:-1:2], strict=True))
    host, port, address = options["--resolve"].split(":")
    url = urlsplit(arguments[-1])
    assert (url.hostname, str(url.port)) == (host, port)
    context = ssl.create_default_context(cafile=str(clone.folder / options["--cacert"]))
    with context.wrap_socket(
        socket.create_connection((address, int(port)), timeout=30), server_hostname=host
    ) as client:
        request = [
            f"POST {url.path} HTTP/1.1", f"Host: {url.netloc}", options["-H"],
            f"Content-Length: {len(options['-d'])}", "Connection: close", "", options["-d"],
        ]  # fmt: skip
        client.sendall("\r\n".join(request).encode())
        answer = b""
        while part := client.recv(65_536):
            answer += part
    return answer.decode()


def _halves(session: LocalSession, listener: dict[str, Any], times: int) -> Counter[str]:
    found: Counter[str] = Counter()
    for _ in range(times):
        answer: Any = https(session, listener, "/health/ready")
        found[json.loads(answer.body)["half"]] += 1
    return found


def _weights(elbv2: Any) -> tuple[str, list[str]]:
    """The rule that holds the halves' weights, and the halves' target groups."""
    for balancer in elbv2.describe_load_balancers()["LoadBalancers"]:
        if balancer["Scheme"] != "internal":
            continue
        arn = balancer["LoadBalancerArn"]
        for listener in elbv2.describe_listeners(LoadBalancerArn=arn)["Listeners"]:
            rules = elbv2.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
            for rule in rules:
                groups = rule["Actions"][0].get("ForwardConfig", {}).get("TargetGroups", [])
                if len(groups) == 2:
                    assert [group["Weight"] for group in groups] == [50, 50]
                    return rule["RuleArn"], [group["TargetGroupArn"] for group in groups]
    raise AssertionError("no rule holds two weights")


def _set(elbv2: Any, rule: str, groups: list[str], weights: list[int]) -> None:
    pairs = [
        {"TargetGroupArn": group, "Weight": weight}
        for group, weight in zip(groups, weights, strict=True)
    ]
    elbv2.modify_rule(
        RuleArn=rule, Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": pairs}}]
    )


def _balanced(ecs: Any) -> set[str]:
    """The services with a load balancer."""
    found: set[str] = set()
    for cluster in ecs.list_clusters()["clusterArns"]:
        for arn in ecs.list_services(cluster=cluster)["serviceArns"]:
            (one,) = ecs.describe_services(cluster=cluster, services=[arn])["services"]
            if one["loadBalancers"]:
                found.add(one["serviceName"])
    return found


def _service(ecs: Any, word: str) -> tuple[str, str, int]:
    for cluster in ecs.list_clusters()["clusterArns"]:
        for arn in ecs.list_services(cluster=cluster)["serviceArns"]:
            if word in arn:
                (found,) = ecs.describe_services(cluster=cluster, services=[arn])["services"]
                return found["serviceName"], cluster, found["desiredCount"]
    raise AssertionError(f"no service with {word} in its name")


def _message(sqs: Any, queue: str, word: str) -> str:
    """The first message with the word in it, within a minute."""
    found: list[str] = []

    def received() -> bool:
        taken = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        bodies = [message["Body"] for message in taken.get("Messages", ())]
        found.extend(body for body in bodies if word in body)
        return bool(found)

    wait_until(received, f"a message with {word}")
    return found[0]


def _limits(rules: list[dict[str, Any]]) -> list[int]:
    return [
        rule["Statement"]["RateBasedStatement"]["Limit"]
        for rule in rules
        if "RateBasedStatement" in rule["Statement"]
    ]


def _physical(target: LocalTarget) -> dict[tuple[str, str, str | None], str]:
    """Physical ids by Region, stack and logical id."""
    found: dict[tuple[str, str, str | None], str] = {}
    for region in REGIONS:
        cloudformation = target.client("cloudformation", region)
        for stack in cloudformation.describe_stacks()["Stacks"]:
            name = stack["StackName"]
            resources = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
            for one in resources:
                found[region, name, one["LogicalResourceId"]] = one.get("PhysicalResourceId", "")
    return found


def _left(target: LocalTarget, region: str) -> list[str]:
    """What should have gone with its stacks, of what costs money or takes requests."""
    elbv2, ecs = (target.client(name, region) for name in ("elbv2", "ecs"))
    balancers = [b["LoadBalancerArn"] for b in elbv2.describe_load_balancers()["LoadBalancers"]]
    groups = [g["TargetGroupArn"] for g in elbv2.describe_target_groups()["TargetGroups"]]
    clusters = ecs.list_clusters()["clusterArns"]
    alarms = target.client("cloudwatch", region).describe_alarms()["MetricAlarms"]
    acls = target.client("wafv2", region).list_web_acls(Scope="REGIONAL")["WebACLs"]
    names = [alarm["AlarmName"] for alarm in alarms], [acl["Name"] for acl in acls]
    return [*balancers, *groups, *clusters, *names[0], *names[1]]


def _key(target: LocalTarget, region: str, name: str) -> bool:
    described = target.client("kms", region).describe_key(KeyId=name)["KeyMetadata"]
    return described["KeyState"] == "Enabled"


# How each retained type is looked for: service, operation, and what its answer names it by.
LISTED = {
    "AWS::DynamoDB::GlobalTable": ("dynamodb", "list_tables", "TableNames", None),
    "AWS::EC2::Volume": ("ec2", "describe_volumes", "Volumes", "VolumeId"),
    "AWS::Logs::LogGroup": ("logs", "describe_log_groups", "logGroups", "logGroupName"),
    "AWS::RDS::DBCluster": ("rds", "describe_db_clusters", "DBClusters", "DBClusterIdentifier"),
    "AWS::RDS::DBInstance": ("rds", "describe_db_instances", "DBInstances", "DBInstanceIdentifier"),
    "AWS::RDS::DBClusterParameterGroup": (
        "rds",
        "describe_db_cluster_parameter_groups",
        "DBClusterParameterGroups",
        "DBClusterParameterGroupName",
    ),
    "AWS::RDS::DBSubnetGroup": (
        "rds",
        "describe_db_subnet_groups",
        "DBSubnetGroups",
        "DBSubnetGroupName",
    ),
    "AWS::RDS::GlobalCluster": (
        "rds",
        "describe_global_clusters",
        "GlobalClusters",
        "GlobalClusterIdentifier",
    ),
    "AWS::RedshiftServerless::Namespace": (
        "redshift-serverless",
        "list_namespaces",
        "namespaces",
        "namespaceName",
    ),
    "AWS::Route53::HostedZone": ("route53", "list_hosted_zones", "HostedZones", "Id"),
    "AWS::S3::Bucket": ("s3", "list_buckets", "Buckets", "Name"),
    "AWS::SecretsManager::Secret": ("secretsmanager", "list_secrets", "SecretList", "ARN"),
    "AWS::SQS::Queue": ("sqs", "list_queues", "QueueUrls", None),
    "AWS::Backup::BackupVault": (
        "backup",
        "list_backup_vaults",
        "BackupVaultList",
        "BackupVaultName",
    ),
}


def _exists(target: LocalTarget, kind: str, region: str, physical: str) -> bool:
    if kind == "AWS::KMS::Key":
        return _key(target, region, physical)
    service, operation, key, name = LISTED[kind]
    client = target.client(service, region)
    pages = (
        client.get_paginator(operation).paginate()
        if client.can_paginate(operation)
        else [getattr(client, operation)()]
    )
    found = [entry if name is None else entry[name] for page in pages for entry in page[key]]
    return any(one.rpartition("/hostedzone/")[2] == physical for one in found)
