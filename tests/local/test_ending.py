"""A command of this machine that fails gives its reason, and no traceback."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from local import __main__ as local
from local.ending import failed
from local.waiting import NotInTimeError, wait_until

ROOT = Path(__file__).parents[2]


def test_a_disk_without_room_is_the_reason_that_make_service_ends_with(tmp_path: Path):
    """A limit on the size of files ends a write as a full disk does."""
    done = subprocess.run(
        [sys.executable, "-m", "local.identity_service", "--port", "0"],
        cwd=ROOT,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)),
        capture_output=True,
        text=True,
        check=False,
    )
    [line] = done.stderr.splitlines()
    assert done.returncode == 1
    assert line.startswith("service: initdb: ")
    assert line.endswith("File too large")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(28, "No space left on device", "x"), "[Errno 28] No space left on device: 'x'"),
        (ValueError("'port' is wrong"), "'port' is wrong"),
        (NotInTimeError("not within 3 s: a login\nthe end of the log"), "a login\nthe end of the"),
        (KeyError("gone"), "KeyError: 'gone' (unexpected: MAINSTAY_DEBUG=1 shows where)"),
        (AssertionError(), "AssertionError: AssertionError (unexpected"),
    ],
)
def test_every_command_of_make_local_ends_with_one(error, line, monkeypatch, capsys, tmp_path):
    def raises(*_: object) -> None:
        raise error

    monkeypatch.setitem(local.COMMANDS, "status", raises)
    assert local.main(["status", "--folder", str(tmp_path)]) == 1
    printed = capsys.readouterr().err
    assert line in printed
    assert "Traceback" not in printed
    assert printed.startswith("local: ")


def test_who_looks_for_the_place_sees_it(monkeypatch):
    monkeypatch.setenv("MAINSTAY_DEBUG", "1")
    with pytest.raises(KeyError):
        failed("local", KeyError("gone"), expected=())


def test_a_wait_that_fails_shows_the_end_of_its_log(tmp_path: Path):
    log = tmp_path / "server.log"
    log.write_text("\n".join(f"line {number}" for number in range(100)))
    with pytest.raises(NotInTimeError, match=r"(?s)not within 0 s: a login\n.*line 99") as raised:
        wait_until(lambda: False, "a login", seconds=0, log=log)
    assert "line 10\n" not in str(raised.value)
