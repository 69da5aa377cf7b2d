"""Processes are found by their mark and ended, whatever they do about it."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from local import process
from local.edge_process import nginx_binary
from local.waiting import wait_until
from tests.local import clone as clones

VARIABLES = {"PATH": os.environ["PATH"]}
SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('up', flush=True); time.sleep(60)",
]
# A parent whose child goes on when the parent has ended.
PARENT = [
    sys.executable,
    "-c",
    "import subprocess, sys; subprocess.Popen([sys.executable, '-c', "
    "'import time; time.sleep(60)'], start_new_session=True); print('up', flush=True)",
]


def titled(folder: Path) -> list[int]:
    """Processes whose command line names the folder, whatever their variables say."""
    return clones.naming(folder)


def started(command: list[str], folder: Path) -> int:
    log = folder / "log"
    child = process.start(command, folder=folder, log=log, variables=VARIABLES)
    wait_until(lambda: "up" in log.read_text(), "the start", log=log)
    return child.pid


def test_finds_what_was_started_for_the_folder_and_nothing_else(folder: Path, tmp_path: Path):
    other = tmp_path / "other"
    other.mkdir()
    pid, elsewhere = started(SLEEPER, folder), started(SLEEPER, other)
    assert process.marked(folder) == (pid,)
    process.end([elsewhere])


def test_ends_what_ends_when_asked(folder: Path):
    pid = started(SLEEPER, folder)
    assert process.end_all(folder) == 1
    assert not process.alive(pid)


def test_kills_after_the_grace_what_does_not_end(folder: Path):
    pid = started(STUBBORN, folder)
    process.end([pid], grace=0.3)
    assert not process.alive(pid)


def test_ends_a_child_that_outlives_its_parent(folder: Path):
    started(PARENT, folder)
    wait_until(lambda: len(process.marked(folder)) == 1, "one process")
    process.end_all(folder)
    assert process.marked(folder) == ()


def test_finds_and_ends_nginx_which_writes_over_its_variables(folder: Path):
    """Its master and its worker, though the one that started them is gone without a word."""
    (folder / "nginx.conf").write_text(
        f"pid {folder}/nginx.pid; worker_processes 1; events {{}} "
        f"http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; "
        f"fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; }}"
    )
    command = [str(nginx_binary()), "-p", str(folder), "-c", "nginx.conf", "-g", "daemon off;"]
    child = process.start(command, folder=folder, log=folder / "log", variables=VARIABLES)
    wait_until(lambda: len(titled(folder)) == 1, "one process of that title")
    environment = Path(f"/proc/{child.pid}/environ")
    wait_until(lambda: process.MARK.encode() not in environment.read_bytes(), "no mark")
    assert child.pid in process.marked(folder)
    wait_until(lambda: len(process.marked(folder)) == 2, "two processes")
    process.end_all(folder)
    assert titled(folder) == []


def test_a_number_that_another_process_took_over_is_not_ours(folder: Path, tmp_path: Path):
    other = tmp_path / "other"
    other.mkdir()
    pid = started(SLEEPER, other)
    (folder / "sessions").mkdir()
    (folder / "sessions" / str(pid)).write_text("1")  # of one that began long before
    assert process.marked(folder) == ()
    process.end([pid])


def test_ctrl_c_of_the_terminal_does_not_reach_it(folder: Path):
    pid = started(SLEEPER, folder)
    assert os.getpgid(pid) != os.getpgid(os.getpid())
    os.kill(pid, signal.SIGTERM)


def test_ending_what_has_ended_is_no_error(folder: Path):
    pid = started(SLEEPER, folder)
    process.end([pid])
    process.end([pid])
    assert process.end_all(folder) == 0
