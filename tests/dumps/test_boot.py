"""PostgreSQL starts on a volume that was archived in mid-flight and restored elsewhere."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.main import main
from doubles.ebs_direct.server import serving
from dumps import database, drill, volume
from dumps.boot import FOLDER, boot_image
from dumps.errors import DumpError
from dumps.shelf import FolderShelf
from local.postgres import PostgresServers
from local.postgres.binaries import BINARIES
from tests.backup.conftest import Engine
from tests.dumps.crashed import crashed_image, volume_of
from tests.dumps.restore_page import printed

DATABASE = "mainstay"
_ROWS = "INSERT INTO account SELECT n, md5(n::text) FROM generate_series({}, {}) n"


class Crashed:
    """An image with a cluster that was killed, and what its table held of acknowledged rows."""

    def __init__(self, image: Path, table: database.Table) -> None:
        self.image, self.table = image, table

    @property
    def expected(self) -> dict[str, object]:
        return {"rows": self.table.rows, "checksum": self.table.checksum}


@contextmanager
def _crashed(work: Path, *, delayed: bool) -> Iterator[Crashed]:
    """A killed master, or a killed standby of it: volumes of both kinds are archived."""
    with PostgresServers() as servers, pytest.MonkeyPatch.context() as patched:
        patched.setenv("PG_BIN", str(BINARIES.folder / "bin"))
        server = servers.start("follower")
        server.rows(f"CREATE DATABASE {DATABASE}")
        server.rows(
            "SELECT pg_create_logical_replication_slot('kept', 'pgoutput')", database=DATABASE
        )
        taken = server
        if delayed:
            taken = servers.standby("delayed", of=server)
        server.rows("CREATE TABLE account (id int PRIMARY KEY, name text)", database=DATABASE)
        server.rows(_ROWS.format(1, 20_000), database=DATABASE)
        server.rows("CHECKPOINT")
        server.rows("DELETE FROM account WHERE id % 5 = 0", database=DATABASE)
        server.rows(_ROWS.format(20_001, 25_000), database=DATABASE)
        with server.connect(DATABASE, autocommit=False) as connection:
            connection.execute(_ROWS.format(30_000, 31_000).encode())  # never committed
            with server.connect(DATABASE) as other:
                database.begin(other)
                table = database.tables(other)["public.account"]
            taken.wait("SELECT count(*) = 21000 FROM account", database=DATABASE)
            taken.kill()
            connection.close()
        yield Crashed(crashed_image(taken.folder, work), table)


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crashed]:
    with _crashed(tmp_path_factory.mktemp("crashed"), delayed=False) as crashed:
        yield crashed


@pytest.fixture
def restored(crashed: Crashed, open_folder: Path) -> Path:
    """An image of one's own: it is recovered in place."""
    image = open_folder / "restored"
    subprocess.run(["cp", "--sparse=always", str(crashed.image), str(image)], check=True)
    return image


def test_the_drill_starts_postgresql_on_the_restored_archive_and_reads_its_table(
    crashed: Crashed, open_folder: Path
):
    _drilled(crashed, open_folder)


def test_so_it_does_on_the_delayed_replica_s(tmp_path: Path, open_folder: Path):
    with _crashed(tmp_path, delayed=True) as crashed:
        _drilled(crashed, open_folder)


def _drilled(crashed: Crashed, open_folder: Path) -> None:
    engine = Engine()
    root = engine.archive(engine.snapshot(volume_of(crashed.image))).root
    shelf = FolderShelf(open_folder / "evidence")
    work = open_folder / "work"
    work.mkdir()
    evidence = drill.drill_archive(
        engine.store(),
        shelf,
        root,
        work,
        retain=timedelta(days=35),
        now=lambda: datetime.now(UTC),
    )
    kept = json.loads(shelf.get(evidence["evidence"]))["found"]["inspected"]
    assert kept["tables"][f"{DATABASE}/public.account"] == crashed.expected
    assert kept["crash_recovery"]
    assert kept["server_version"].startswith("17")


def test_the_page_s_commands_restore_a_volume_and_boot_it(
    crashed: Crashed, open_folder: Path, capsys, monkeypatch
):
    engine = Engine()
    root = engine.archive(engine.snapshot(volume_of(crashed.image))).root
    monkeypatch.chdir(open_folder)
    monkeypatch.setattr(tempfile, "tempdir", str(open_folder))
    values = {"archive": "archive", "volume": root.volume_id}
    [[_, *restore]] = printed("mainstay backup restore", **values)
    [[_, *boot]] = printed("mainstay backup boot", **values)
    with serving(engine.cloud) as url:
        assert main([*restore, "--endpoint-url", url]) == 0, capsys.readouterr().err
    capsys.readouterr()
    assert main([*boot, "--json"]) == 0, capsys.readouterr().err
    found = json.loads(capsys.readouterr().out)
    assert found["tables"][f"{DATABASE}/public.account"] == crashed.expected
    assert main(["backup", "boot", "--image", "none"]) == 1
    assert "'image' should be a restored volume" in capsys.readouterr().err


def test_without_the_log_of_the_file_system_the_cluster_has_not_even_its_name(
    crashed: Crashed, restored: Path, open_folder: Path
):
    """So the image is as dirty as a snapshot's, and a reader that replays nothing would fail."""
    (open_folder / "kernel").mkdir()
    with pytest.raises(DumpError, match="cannot be read"):
        volume.in_guest(
            restored, f"test -d {FOLDER}", open_folder / "guest", options="ro,norecovery"
        )


@pytest.mark.parametrize("spoilt", ["file system", "cluster", "row"])
def test_an_image_that_is_no_database_is_said_to_be_none(restored, open_folder, spoilt):
    if spoilt == "file system":
        with restored.open("r+b") as file:
            file.write(bytes(4096))
        said = "cannot be read"
    elif spoilt == "cluster":
        spoil = f"rm {FOLDER}/PG_VERSION; sync -f ."
        volume.in_guest(restored, spoil, open_folder / "spoil", options="rw")
        said = "got no PG_VERSION"
    else:
        spoil = f"rm -r {FOLDER}/pg_wal/0*; sync -f ."
        volume.in_guest(restored, spoil, open_folder / "spoil", options="rw")
        said = "does not start"
    (open_folder / "boot").mkdir()
    with pytest.raises(DumpError, match=said):
        boot_image(restored, open_folder / "boot")


def test_without_the_kernel_it_says_what_to_install(restored, open_folder, monkeypatch):
    monkeypatch.setattr(volume.shutil, "which", lambda name: None)
    (open_folder / "boot").mkdir()
    with pytest.raises(DumpError, match="apt-get install user-mode-linux"):
        boot_image(restored, open_folder / "boot")
