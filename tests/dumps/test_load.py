"""A load restores what was dumped and says so, or says what is wrong before it touches anything."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dumps.errors import DumpError
from dumps.load import load, verify
from dumps.manifest import File, Manifest, find
from dumps.scratch import scratch_database, scratch_server
from dumps.shelf import FolderShelf
from local.postgres.binaries import NEXT
from tests.dumps.conftest import Lab

# postgresql-client of Debian 12 or Ubuntu 24.04, which `make test` installs where it is missing.
OLDER = sorted(Path("/usr/lib/postgresql").glob("1[3-6]/bin"))


@pytest.fixture
def copy(taken: Path, tmp_path: Path) -> Path:
    """A copy of the bucket, to damage."""
    return Path(shutil.copytree(taken, tmp_path / "copy"))


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "load").mkdir()
    return tmp_path / "load"


def _tables(lab: Lab, name: str) -> int:
    return lab.primary.value(
        "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog',"
        " 'information_schema')",
        database=name,
    )


def _refuses(lab: Lab, copy: Path, work: Path, match: str) -> None:
    with lab.target() as name:
        with pytest.raises(DumpError, match=match):
            load(FolderShelf(copy), "entity", "latest", lab.primary.dsn(name), work)
        assert _tables(lab, name) == 0, "something was restored"
    assert list(work.iterdir()) == [], "what was fetched stays behind"


def _edit(copy: Path, **changes: object) -> Manifest:
    """The newest manifest with other values, written as a program of ours would."""
    shelf = FolderShelf(copy)
    manifest = replace(find(shelf, "entity"), **changes)  # pyright: ignore[reportArgumentType]
    (copy / manifest.key).write_bytes(manifest.encode())
    return manifest


def test_counters_go_on_behind_the_largest_key(lab: Lab, taken: Path, work: Path):
    with lab.target() as name:
        loaded = load(FolderShelf(taken), "entity", "latest", lab.primary.dsn(name), work)
        assert loaded.counters_raised == 1
        (new,) = lab.primary.rows(
            "INSERT INTO counted (tenant_id, note) VALUES (1, 'new') RETURNING id", database=name
        )[0]
        assert new == 1_501


def test_a_flipped_bit_is_found_before_anything_is_restored(lab: Lab, copy: Path, work: Path):
    largest = max(copy.rglob("data/*.zst"), key=lambda path: path.stat().st_size)
    damaged = bytearray(largest.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    largest.write_bytes(damaged)
    _refuses(lab, copy, work, rf"{largest.name} is damaged \(SHA-256\)")


def test_a_truncated_and_a_missing_file_are_named(lab: Lab, copy: Path, work: Path):
    toc = next(copy.rglob("data/toc.dat"))
    toc.write_bytes(toc.read_bytes()[:-1])
    _refuses(lab, copy, work, r"toc.dat has \d+ bytes, not \d+")
    toc.unlink()
    _refuses(lab, copy, work, "toc.dat is missing")


def test_an_edited_manifest_is_refused(lab: Lab, copy: Path, work: Path):
    manifest = find(FolderShelf(copy), "entity")
    text = (copy / manifest.key).read_text().replace('"rows": 2000', '"rows": 1999')
    (copy / manifest.key).write_text(text)
    _refuses(lab, copy, work, "was changed after it was written")


@pytest.mark.parametrize(
    ("version", "match"),
    [
        (150_004, "should be PostgreSQL 15 or 16, since the dump is of 15, got 17"),
        (180_001, "pg_restore should be of major version 18 at least"),
    ],
)
def test_a_wrong_major_version_is_refused(lab: Lab, copy: Path, work: Path, version, match):
    _edit(copy, server_version=version)
    _refuses(lab, copy, work, match)


def test_the_next_major_version_is_accepted(lab: Lab, copy: Path, work: Path):
    """The dump says that it is of 16; the server is of 17."""
    _edit(copy, server_version=160_004)
    with lab.target() as name:
        load(FolderShelf(copy), "entity", "latest", lab.primary.dsn(name), work)


@pytest.fixture(scope="module")
def next_major() -> Iterator[str]:
    """A server of the next major version, as a drill starts one; its connection string."""
    folder = Path(tempfile.mkdtemp(prefix="next-"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PG_BIN", str(NEXT.folder / "bin"))
        with scratch_server(folder) as dsn:
            patched.undo()
            yield dsn
    shutil.rmtree(folder)


def test_a_real_server_of_the_next_major_takes_it_and_all_is_equal(
    copy: Path, work: Path, next_major: str
):
    """With the dump's own pg_restore: what PyPI has of the next one is built without zstd."""
    with scratch_database(next_major) as target:
        done = load(FolderShelf(copy), "entity", "latest", target, work)
        assert done.server_version // 10_000 == done.manifest.major + 1 == 18
        assert done.manifest.rows > 5_000
        verify(done.manifest, target)


def test_the_programs_of_an_older_major_are_refused_in_one_line(
    lab: Lab, copy: Path, work: Path, monkeypatch
):
    """As a person's own machine has them; without the look, pg_restore fails halfway."""
    older = OLDER[-1]
    monkeypatch.setenv("PG_BIN", str(older))
    wanted = "{} should be of major version 17 at least, for .*, got .*PostgreSQL\\) "
    wanted += older.parent.name
    _refuses(lab, copy, work, wanted.format("pg_restore"))
    with pytest.raises(DumpError, match=wanted.format("pg_dump")):
        lab.dump(FolderShelf(copy), work)


def test_a_missing_extension_is_named(lab: Lab, copy: Path, work: Path):
    _edit(copy, extensions={"plpgsql": "1.0", "from_elsewhere": "1.0"})
    _refuses(lab, copy, work, "lacks extensions that the dump needs: install from_elsewhere")


def test_a_database_that_holds_something_is_left_alone(lab: Lab, taken: Path, work: Path):
    """As one does in which a load was cut off."""
    with lab.target() as name:
        lab.primary.rows("CREATE TABLE begun (id int)", database=name)
        with pytest.raises(DumpError, match="drop and create it, then load again"):
            load(FolderShelf(taken), "entity", "latest", lab.primary.dsn(name), work)
        assert _tables(lab, name) == 1


def test_a_restore_that_fails_halfway_is_no_success(lab: Lab, copy: Path, work: Path):
    """A file whose content is not what the table of contents says, though its hash is right."""
    manifest = find(FolderShelf(copy), "entity")
    folder = copy / manifest.folder / "data"
    names = sorted(
        (n for n in manifest.files if n.endswith(".zst")), key=lambda n: -manifest.files[n].size
    )
    one, other = (folder / names[0]), (folder / names[1])
    one.write_bytes(other.read_bytes())
    body = one.read_bytes()
    files = {
        **manifest.files,
        names[0]: File(size=len(body), sha256=hashlib.sha256(body).hexdigest()),
    }
    _edit(copy, files=files)
    with lab.target() as name, pytest.raises(DumpError, match=r"pg_restore: |differs from"):
        load(FolderShelf(copy), "entity", "latest", lab.primary.dsn(name), work)


def test_each_table_that_differs_is_named_with_what_differs(lab: Lab, taken: Path, work: Path):
    with lab.target() as name:
        dsn = lab.primary.dsn(name)
        manifest = load(FolderShelf(taken), "entity", "latest", dsn, work).manifest
        lab.primary.rows("DELETE FROM counted WHERE id = 3", database=name)
        lab.primary.rows("UPDATE tenant SET share = share + 1 WHERE id = 7", database=name)
        lab.primary.rows("DROP TABLE empty", database=name)
        lab.primary.rows("CREATE TABLE more (id int)", database=name)
        with pytest.raises(DumpError) as found:
            verify(manifest, dsn)
    message = str(found.value)
    for part in (
        "public.counted: has 499 rows, not 500",
        "public.tenant: has other values",
        "public.empty: is missing",
        "public.more: is not in the manifest",
    ):
        assert part in message
    assert "event" not in message
