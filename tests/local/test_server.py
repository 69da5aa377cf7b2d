"""The emulator's process: started, asked, ended; wrong use is a message."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

from local import process
from local.emulator.server import Emulator, EmulatorError
from local.waiting import free_port, wait_until

ACCOUNT = "111122223333"


def emulator(folder: Path) -> Emulator:
    return Emulator(folder=folder, port=free_port(), account=ACCOUNT)


def test_starts_answers_and_ends(folder: Path):
    one = emulator(folder)
    one.start()
    assert one.answers()
    assert one.pid in process.marked(folder)
    assert (one.memory_mib() or 0) > 10
    process.end_all(folder)
    assert not one.answers()
    assert one.pid is None
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", one.port)) != 0


def test_listens_on_the_loopback_interface_alone(folder: Path):
    one = emulator(folder)
    one.start()
    listening = {line.split()[1] for line in _tcp_lines() if line.split()[3] == "0A"}
    port = f"{one.port:04X}"
    assert {entry for entry in listening if entry.endswith(port)} == {f"0100007F:{port}"}


def test_knows_at_once_when_it_is_killed(folder: Path):
    one = emulator(folder)
    one.start()
    alive = one.alive()
    assert alive()
    assert one.pid is not None
    os.kill(one.pid, signal.SIGKILL)
    wait_until(lambda: not alive(), "its end")


def test_a_taken_port_is_named_with_another_to_take(folder: Path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(EmulatorError, match=rf"127.0.0.1:{port}: end it, or choose another"):
            Emulator(folder=folder, port=port, account=ACCOUNT).start()
    assert process.marked(folder) == ()


def test_one_that_does_not_start_says_its_last_words(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'no module named ministack'\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr("local.emulator.server.PYTHON", broken)
    with pytest.raises(EmulatorError, match="no module named ministack"):
        emulator(folder).start()


def test_a_missing_installation_names_its_mend(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("local.emulator.server.PYTHON", folder / "nowhere")
    with pytest.raises(EmulatorError, match="run `make setup`"):
        emulator(folder).start()


def test_nothing_of_the_shell_reaches_it(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret of the shell")
    one = emulator(folder)
    one.start()
    environment = Path(f"/proc/{one.pid}/environ").read_bytes()
    assert b"a secret of the shell" not in environment


def _tcp_lines() -> list[str]:
    return Path("/proc/net/tcp").read_text().splitlines()[1:]
