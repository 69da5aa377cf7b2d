"""The time-delayed replica: what saves it, what would destroy it, and how it comes back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.postgres import SUPERUSER, PostgresServers, Watched
from service.operations import delayed, lost_rows, standby
from service.operations.bootstrap import bootstrap
from service.operations.node import DatabaseNode, DeclinedError
from service.operations.operator import Operator
from tests.service.operations.conftest import DATABASE, Lab

ROWS = 40


class Followed(Lab):
    """L with its delayed replica; L stands in for A too, which the replica never asks."""

    tenant = ""

    def operator(self, **options: Any) -> Operator:
        nodes: dict[str, DatabaseNode] = {}
        for name, node in self.nodes.items():
            dsn = self.by_name[name].dsn(DATABASE, SUPERUSER)
            nodes[name] = replace(node, dsn=dsn)
        nodes["follower"] = replace(nodes["entity-a"], name="follower")
        chosen: dict[str, Any] = {"timeout": 60} | options
        return Operator(nodes, **chosen)

    def count(self, node: str, tenant: str) -> int:
        return self.value(node, "SELECT count(*) FROM account WHERE tenant_id = %s", tenant)

    def mistake(self, statement: str = "DELETE FROM account WHERE tenant_id = %s") -> str:
        """A statement on rows that the replica has, which it holds back; returns whose they are."""
        values = (self.tenant,) if "%s" in statement else ()
        self.rows("entity-a", statement, *values)
        self.wait("delayed", "SELECT pg_last_wal_receive_lsn() >= %s::pg_lsn", self.written())
        return self.tenant

    def written(self) -> str:
        return self.value("entity-a", "SELECT pg_current_wal_flush_lsn()::text")

    def make_ready(self) -> None:
        """A replica that follows with its delay and has a new tenant's rows."""
        self.tenant = self.add_tenant(accounts=ROWS)
        source = self.by_name["entity-a"]
        if "delayed" not in self.by_name:
            made = self.servers.standby("delayed", of=source, recovery_min_apply_delay="1h")
            self.add("delayed", made)
            return
        replica = self.by_name["delayed"]
        follows = replica.value("SELECT pg_is_in_recovery()")
        if follows:
            for name in ("recovery_target_lsn", "recovery_target_time", "recovery_min_apply_delay"):
                replica.rows(f"ALTER SYSTEM RESET {name}")
        replica.stop()
        if not follows:
            self.servers.copy_again(replica, of=source)
        replica.configure(recovery_min_apply_delay="0")
        replica.start()
        replica.wait("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", self.written())
        replica.rows("ALTER SYSTEM RESET recovery_min_apply_delay")
        replica.rows("SELECT pg_reload_conf()")
        replica.wait("SELECT current_setting('recovery_min_apply_delay') = '1h'")


@pytest.fixture(scope="module")
def followed(servers: PostgresServers) -> Followed:
    lab = Followed(servers)
    lab.start("entity-a")
    with Operator(lab.nodes) as operator:
        bootstrap(operator, "entity")
    return lab


@pytest.fixture
def lab(followed: Followed) -> Iterator[Followed]:
    """With the replica ready, and watched over as on its machine."""
    followed.make_ready()
    made = followed.by_name["delayed"]
    with Watched(followed.servers, made, of=followed.by_name["entity-a"]):
        yield followed
    made.start()


def recovered(lab: Followed, tenant: str) -> int:
    """The rows of the mistake on the replica, after the shipped acts have led it before that."""
    with lab.operator() as operator:
        delayed.pause(operator, "delayed")
        mistake = delayed.candidates(operator, "delayed", "account", "follower")[0]
        delayed.recover(operator, "delayed", lsn=mistake["target_lsn"])
    return lab.count("delayed", tenant)


# ------------------------------------------------- what saves it, and what would destroy it


def test_led_to_before_the_mistake_it_still_has_every_row(lab: Followed):
    tenant = lab.mistake()
    assert lab.count("entity-a", tenant) == 0
    assert recovered(lab, tenant) == ROWS
    with lab.operator() as operator:
        state = delayed.state(operator, "delayed")
        assert (state["in_recovery"], state["replay"]) == (True, "paused")


@pytest.mark.parametrize("pause_first", [True, False])
def test_mutation_promoting_it_destroys_what_it_saved(lab: Followed, monkeypatch, pause_first):
    """As `recover` would be that promotes: paused or not, the mistake is applied first."""
    tenant = lab.mistake()

    def promote(operator: Operator, node: str) -> None:
        operator.on(node).change("SELECT pg_promote(true, 60)")

    monkeypatch.setattr(delayed, "restart", promote)
    if not pause_first:
        monkeypatch.setattr(delayed, "pause", lambda operator, node: {})
    with lab.operator() as operator:
        mistake = delayed.candidates(operator, "delayed", "account", "follower")[0]
    with pytest.raises(TimeoutError), lab.operator(timeout=0.5) as operator:
        delayed.recover(operator, "delayed", lsn=mistake["target_lsn"])
    assert lab.count("delayed", tenant) == 0


def test_mutation_without_a_target_a_restart_replays_the_mistake(lab: Followed, monkeypatch):
    """As `recover` would be that sets the delay before the target, and is killed between them."""
    tenant = lab.mistake()
    monkeypatch.setattr(delayed, "_target", lambda *_, **__: {"recovery_min_apply_delay": "0"})
    with pytest.raises(TimeoutError), lab.operator(timeout=2) as operator:
        delayed.recover(operator, "delayed", lsn="F/0")
    lab.wait("delayed", "SELECT count(*) = 0 FROM account WHERE tenant_id = %s", tenant)


def test_a_table_that_was_emptied_is_found_and_comes_back(lab: Followed):
    lab.add_tenant()  # commits before it: the replica has not begun with what comes next
    tenant = lab.mistake("TRUNCATE account")
    with lab.operator() as operator:
        [mistake, *_] = delayed.candidates(operator, "delayed", "account", "follower")
        assert mistake["emptied"] is True
        delayed.recover(operator, "delayed", lsn=mistake["target_lsn"])
        given = lost_rows.restore_rows(operator, "delayed", "account", "entity-a")
    assert given["restored"] >= ROWS
    assert lab.count("entity-a", tenant) == ROWS


def test_a_time_leads_there_as_well(lab: Followed):
    tenant = lab.mistake()
    with lab.operator() as operator:
        mistake = delayed.candidates(operator, "delayed", "account", "follower")[0]
        assert mistake["rows"] == ROWS
        delayed.recover(operator, "delayed", time=mistake["committed_at"])
    assert lab.count("delayed", tenant) == ROWS


def test_what_it_has_replayed_cannot_be_taken_back(lab: Followed):
    with lab.operator() as operator:
        with pytest.raises(DeclinedError, match="has replayed past 0/1: what it holds is newer"):
            delayed.recover(operator, "delayed", lsn="0/1")
        with pytest.raises(DeclinedError, match="'lsn' should be like 0/3000148, got 'tuesday'"):
            delayed.recover(operator, "delayed", lsn="tuesday")
        with pytest.raises(DeclinedError, match="'lsn' or 'time' should be given, and not both"):
            delayed.recover(operator, "delayed")


def test_who_is_no_superuser_there_is_told_what_else_there_is(lab: Followed):
    wanted = pytest.raises(DeclinedError, match="pause it, and dump from it as it is")
    with wanted, Operator(lab.nodes, timeout=5) as operator:
        delayed.recover(operator, "delayed", lsn="F/0")


# --------------------------------------------------------------------------- rows come back


def test_rows_that_are_there_stay_and_what_cannot_come_back_is_counted(lab: Followed):
    tenant = lab.mistake("DELETE FROM account WHERE tenant_id = %s AND login IN ('u1', 'u2', 'u3')")
    assert recovered(lab, tenant) == ROWS
    lab.rows("entity-a", "UPDATE account SET full_name = 'newer' WHERE tenant_id = %s", tenant)
    lab.rows(
        "entity-a",
        "INSERT INTO account (tenant_id, login, full_name) VALUES (%s, 'u1', 'registered again')",
        tenant,
    )
    with lab.operator() as operator:
        given = lost_rows.restore_rows(operator, "delayed", "account", "entity-a")
        assert (given["lost"], given["restored"], given["refused"]) == (3, 2, 1)
        assert given["changed"] == ROWS - 3
        again = lost_rows.restore_rows(operator, "delayed", "account", "entity-a")
        assert again["restored"] == 0
        with pytest.raises(DeclinedError, match="'acount' is no table of delayed"):
            lost_rows.restore_rows(operator, "delayed", "acount", "entity-a")
    names = lab.rows("entity-a", "SELECT full_name FROM account WHERE tenant_id = %s", tenant)
    assert sorted(name for (name,) in names).count("newer") == ROWS - 3


def test_a_table_is_dumped_whole_and_the_same_each_time(lab: Followed, tmp_path: Path):
    lab.mistake()
    file = tmp_path / "account.csv"
    with lab.operator() as operator:
        dumped = lost_rows.dump(operator, "delayed", "account", file)
        assert dumped == lost_rows.dump(operator, "delayed", "account", file)
    lines = file.read_text().splitlines()
    assert len(lines) == dumped["rows"] + 1
    assert "login" in lines[0].split(",")
    assert [path.name for path in tmp_path.iterdir()] == ["account.csv"]


# ------------------------------------------------------------------------ it follows again


def test_after_a_recovery_it_follows_again_with_its_delay(lab: Followed):
    tenant = lab.mistake()
    assert recovered(lab, tenant) == ROWS
    with lab.operator() as operator:
        for _ in range(2):
            state = delayed.follow(operator, "delayed")
            assert (state["in_recovery"], state["configured_seconds"]) == (True, 3600)
            assert (state["replay"], state["target_lsn"]) == ("not paused", "")
    assert lab.count("delayed", tenant) == ROWS  # an hour long


def test_one_that_was_promoted_is_copied_again_by_a_person_s_word_alone(lab: Followed):
    lab.rows("delayed", "SELECT pg_promote(true, 60)", user=SUPERUSER)
    lab.rows("delayed", "CREATE TABLE only_here (id int)", user=SUPERUSER)
    with lab.operator() as operator:
        assert delayed.state(operator, "delayed")["in_recovery"] is False
        with pytest.raises(DeclinedError, match="its timeline went on: with --reclone"):
            delayed.follow(operator, "delayed")
        assert lab.value("delayed", "SELECT to_regclass('only_here')::text") == "only_here"
        for _ in range(2):
            state = delayed.follow(operator, "delayed", reclone=True)
            assert (state["in_recovery"], state["configured_seconds"]) == (True, 3600)
    assert lab.value("delayed", "SELECT to_regclass('only_here')") is None


def test_one_whose_log_is_gone_is_copied_again(lab: Followed):
    replica = lab.by_name["delayed"]
    with lab.operator() as operator:
        operator.on("delayed")
        replica.rows("ALTER SYSTEM SET primary_conninfo = ''")
        replica.rows("SELECT pg_reload_conf()")
        source = lab.by_name["entity-a"]
        source.wait("SELECT NOT active FROM pg_replication_slots WHERE slot_name LIKE 'standby%%'")
        source.rows("SELECT pg_drop_replication_slot('standby_delayed')")
        with pytest.raises(DeclinedError, match="no longer keeps the log"):
            delayed.follow(operator, "delayed")
        assert delayed.follow(operator, "delayed", reclone=True)["in_recovery"] is True
        assert standby.lost_track(operator, "delayed", "follower") is None


def test_without_anybody_who_starts_it_the_wait_ends(lab: Followed, monkeypatch):
    monkeypatch.setattr(standby, "STOP", "SELECT 1")
    wanted = pytest.raises(TimeoutError, match="delayed has started again")
    with wanted, lab.operator(timeout=0.3) as operator:
        standby.restart(operator, "delayed")
