"""Pages of the databases: their symptom on real PostgreSQL, their commands as they are printed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from functions.control_table import mode
from gameday.entity_tier import EntityTier
from local.postgres import ADMINISTRATOR, SUPERUSER, PostgresServer, PostgresServers
from service.operations.bootstrap import bootstrap
from service.operations.environment import nodes_of
from service.operations.operator import Operator
from tests.runbooks.account import MASTERS, PRIMARY, REGIONS, STANDBY, Account, aws
from tests.runbooks.conftest import Pages

A, B = "entity-a", "entity-b"
WRITER = "app_writer"


@pytest.fixture(scope="module")
def tier(account: Account) -> Iterator[EntityTier]:
    """A takes writes; B, the follower and the delayed replica have what A has.

    The pages are run on it one after the other; each but the last leaves it whole.
    """
    with EntityTier(delay_seconds=900) as made:
        made.add_delayed()
        account.variables = lambda: made.variables
        for name in (A, B):  # these tests are about rights, of all tenants at once
            made.by_name[name].rows(f"ALTER ROLE {WRITER} BYPASSRLS")
        yield made


def add_tenant(tier: EntityTier, accounts: int, name: str = A) -> str:
    tenant = str(uuid.uuid4())
    with tier.connect(name, WRITER) as connection:
        connection.execute(
            "INSERT INTO tenant (id, host, name) VALUES (%s, %s, 'T')", (tenant, tenant)
        )
        connection.execute(
            "INSERT INTO account (tenant_id, login, full_name)"
            " SELECT %s, 'u' || n, 'Given Family' FROM generate_series(1, %s) n",
            (tenant, accounts),
        )
    return tenant


def accounts(tier: EntityTier, tenant: str, name: str = A) -> int:
    return tier.value(name, "SELECT count(*) FROM account WHERE tenant_id = %s", tenant)


def arrives(tier: EntityTier, tenant: str, count: int, *names: str) -> None:
    for name in names:
        tier.wait(name, "SELECT count(*) = %s FROM account WHERE tenant_id = %s", count, tenant)


def enter_read_only(account: Account) -> dict[str, str]:
    """Enter READ_ONLY in each Region, as an alarm does, and return the epochs."""
    return {
        region: str(
            mode.enter_read_only(
                aws("dynamodb", region),
                account.table(region),
                reason="an event",
                by="RDS-EVENT-0069",
                at=datetime.now(UTC),
            ).epoch
        )
        for region in REGIONS
    }


def test_fence(tier: EntityTier, account: Account, run_page: Pages):
    run = run_page("fence", account)
    tenant = add_tenant(tier, 2)
    run.next()
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        add_tenant(tier, 1)
    run.next()
    arrives(tier, tenant, 2, B, "follower")
    run.next()
    assert run.next().answer == {A: "takes writes", B: "is fenced"}
    add_tenant(tier, 1)


def test_rows_come_back(tier: EntityTier, account: Account, run_page: Pages):
    tenant = add_tenant(tier, 300)
    arrives(tier, tenant, 300, B, "follower")
    tier.wait("delayed", "SELECT pg_last_wal_receive_lsn() IS NOT NULL")
    with tier.connect(A, WRITER) as connection:
        connection.execute("DELETE FROM account WHERE tenant_id = %s", (tenant,))
        connection.execute("DELETE FROM tenant WHERE id = %s", (tenant,))
    arrives(tier, tenant, 0, B, "follower")
    applied = tier.value("follower", "SELECT pg_current_wal_insert_lsn()::text")
    tier.wait("follower", "SELECT pg_current_wal_flush_lsn() >= %s::pg_lsn", applied)
    run = run_page("rows-come-back", account)
    paused = run.next().answer
    assert paused["replay"].startswith("pause")
    mistake = paused["candidates"][0]
    assert mistake["rows"] >= 300
    run.next(target_lsn=mistake["target_lsn"])
    restored = run.next().answer
    assert restored["account"]["restored"] == restored["account"]["lost"] == 300
    assert restored["tenant"]["restored"] == 1
    followed = run.next().answer
    assert (followed["in_recovery"], followed["replay"]) == (True, "not paused")
    assert followed["configured_seconds"] == 900
    arrives(tier, tenant, 300, A, B, "follower")


def test_read_only_by_itself(tier: EntityTier, account: Account, run_page: Pages):
    """PostgreSQL switched B's subscription off, the lag grew, and its alarm entered READ_ONLY."""
    tier.by_name[B].rows("ALTER SUBSCRIPTION entity_b_from_entity_a DISABLE", database="mainstay")
    unsent = add_tenant(tier, 1)
    account.set_alarm(f"lag-{PRIMARY}", "ALARM")
    epochs = enter_read_only(account)
    run = run_page("read-only-by-itself", account, standby=STANDBY)
    shown = run.next().output
    assert f"the alarm lag-{PRIMARY} of {PRIMARY} is in ALARM" in shown
    assert f"epoch {epochs[PRIMARY]}" in shown
    assert "resumed" in run.next().output
    arrives(tier, unsent, 1, B)
    account.set_alarm(f"lag-{PRIMARY}", "OK")  # CloudWatch's part
    run.next(epoch=epochs[PRIMARY])
    run.next(standby_epoch=epochs[STANDBY])
    assert {account.mode(region).mode for region in REGIONS} == {"READ_WRITE"}


def test_rebuild_a_master(tier: EntityTier, account: Account, run_page: Pages):
    """B is lost for good, and A is written meanwhile."""
    tier.by_name[B].kill()
    tenant = add_tenant(tier, 4)
    [group] = aws("rds").describe_db_clusters(DBClusterIdentifier=MASTERS[A])["DBClusters"]
    aws("rds").delete_db_instance(DBInstanceIdentifier=f"{MASTERS[B]}-1", SkipFinalSnapshot=True)
    aws("rds").delete_db_cluster(DBClusterIdentifier=MASTERS[B], SkipFinalSnapshot=True)
    values = {
        "subnet_group": group["DBSubnetGroup"],
        "security_group": "sg-01234567",
        "key": "alias/entity",
        "parameter_group": group["DBClusterParameterGroup"],
    }
    # moto makes a snapshot at each making of a cluster, by the minute.
    for snapshot in aws("rds").describe_db_cluster_snapshots()["DBClusterSnapshots"]:
        name = snapshot["DBClusterSnapshotIdentifier"]
        aws("rds").delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=name)
    run = run_page("rebuild-a-master", account, **values)
    run.next()
    run.next()
    _clone(tier, MASTERS[B])
    run.next()
    assert not any(run.next().answer.values())
    arrives(tier, tenant, 4, B)


def _clone(tier: EntityTier, cluster: str) -> None:
    """Does what Amazon RDS does by the page's second command: A as it is now, in B's place."""
    found = aws("rds").describe_db_clusters(DBClusterIdentifier=cluster)["DBClusters"]
    assert [each["DBClusterIdentifier"] for each in found] == [cluster]
    aws("rds").create_db_instance(
        DBInstanceIdentifier=f"{cluster}-1",
        DBClusterIdentifier=cluster,
        DBInstanceClass="db.r8g.large",
        Engine="aurora-postgresql",
    )
    tier.servers.remove(tier.by_name[B])
    clone = tier.servers.standby(B, of=tier.by_name[A])
    end = tier.value(A, "SELECT pg_current_wal_flush_lsn()::text")
    clone.wait("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", end)
    clone.rows("SELECT pg_promote(true, 60)")
    tier.by_name[B] = clone


def test_a_master_is_lost(tier: EntityTier, account: Account, run_page: Pages):
    """Its reader takes over, and the cluster's name follows, as Aurora's does."""
    reader = tier.servers.standby("reader", of=tier.by_name[A])
    tenant = add_tenant(tier, 3)
    reader.wait(
        "SELECT count(*) = 3 FROM account WHERE tenant_id = %s", tenant, database="mainstay"
    )
    epochs = enter_read_only(account)
    tier.by_name[A].kill()
    account.variables = lambda: {
        **tier.variables,
        "ENTITY_A_READERS": f"127.0.0.1:{reader.port}",
        "ENTITY_A_USER": SUPERUSER,  # in Aurora the RDS API promotes
    }
    run = run_page("a-master-is-lost", account)
    assert run.next().answer == "entity-a-reader-1"
    tier.by_name[A] = reader
    account.variables = lambda: tier.variables
    healed = run.next().answer
    done = {name: link["done"] for name, link in healed.items()}
    assert done["entity_b_from_entity_a"] == done["follower_from_entity_a"] == "made anew"
    later = add_tenant(tier, 2)
    arrives(tier, later, 2, B, "follower")
    run.next(epoch=epochs[PRIMARY])
    assert account.mode().mode == "READ_WRITE"


def test_primary_region_is_lost(tier: EntityTier, account: Account, run_page: Pages):
    """The commands that there are; the page says what is not built, and nothing is promoted."""
    run = run_page("primary-region-is-lost", account, region=PRIMARY, standby=STANDBY)
    assert f"set in: {STANDBY}" in run.next().output
    run.next()
    assert account.mode(STANDBY).mode == "READ_ONLY"
    assert run.next().answer == {A: "is a standby"}  # until somebody has promoted the copy
    run.next(standby_epoch=str(account.mode(STANDBY).epoch))
    assert account.mode(STANDBY).mode == "READ_WRITE"


@pytest.fixture
def audit_log(account: Account) -> Iterator[PostgresServer]:
    with PostgresServers() as servers:
        server = servers.start("transaction")
        variables = {
            "DATABASE_NAME": "mainstay",
            "TRANSACTION_HOST": "127.0.0.1",
            "TRANSACTION_PORT": str(server.port),
            "TRANSACTION_USER": ADMINISTRATOR,
            "AWS_DEFAULT_REGION": PRIMARY,
        }
        before, account.variables = account.variables, lambda: variables
        with Operator(nodes_of(variables, None), timeout=60) as operator:
            bootstrap(operator, "transaction")
        yield server
        account.variables = before


def test_partitions(audit_log: PostgresServer, account: Account, run_page: Pages):
    """The clock has stopped: this month's row lies in the default partition."""

    def rows(table: str) -> int:
        return audit_log.value(f"SELECT count(*) FROM {table}", database="mainstay")

    tenant, now = uuid.uuid4(), datetime.now(UTC)
    insert = (
        "INSERT INTO event (id, tenant_id, at, kind, outcome)"
        " VALUES (gen_random_uuid(), %s, %s, 'login', 'SUCCESS')"
    )
    audit_log.rows(insert, tenant, now, database="mainstay")
    assert rows("event_default") == 1
    run = run_page("partitions", account)
    run.next()
    state = run.next().answer
    assert (state["default_rows"], state["months_ahead"]) == (0, 3)
    assert (rows("event"), rows("event_default")) == (1, 0)


def test_the_other_master_takes_over(tier: EntityTier, account: Account, run_page: Pages):
    tenant = add_tenant(tier, 3)
    arrives(tier, tenant, 3, B, "follower")
    tier.operate("replication", "pause", A, B)
    unsent = add_tenant(tier, 5)
    epochs = enter_read_only(account)
    tier.by_name[A].kill()
    aws("rds").delete_db_instance(DBInstanceIdentifier=f"{MASTERS[A]}-1", SkipFinalSnapshot=True)
    aws("rds").delete_db_cluster(DBClusterIdentifier=MASTERS[A], SkipFinalSnapshot=True)
    run = run_page("the-other-master-takes-over", account)
    run.next()
    run.next(epoch=epochs[PRIMARY])
    assert account.mode().mode == "READ_WRITE"
    assert set(run.next().answer) == {"tables", "set_aside"}
    later = add_tenant(tier, 1, B)
    arrives(tier, later, 1, "follower")
    tier.by_name[A].start()
    report = run.next().answer
    assert report["carried_over"] == report["missing_transactions"] == 2  # two statements
    assert report["set_aside"] == []
    assert accounts(tier, unsent, B) == 5
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        add_tenant(tier, 1, A)
