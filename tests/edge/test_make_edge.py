"""`make edge`: what a person starts, sees, and ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from doubles.wire import exchange
from local import edge_process
from local.waiting import free_port, listens, wait_until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def started(tmp_path, upstream):
    """The command behind `make edge`, with this interpreter, as make starts it.

    Its folder has what nginx, sed and the shell would read as something else than a name.
    """
    port, run = free_port(), tmp_path / "ein Klön [x] {1}" / "run"
    command = [sys.executable, "-m", "local.edge_process", "--port", str(port)]
    command += ["--upstream", f"localhost:{upstream.port}", "--run", str(run)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True)
    wait_until(lambda: process.poll() is not None or listens(port), "the edge to listen")
    yield process, port, run
    process.kill() if process.poll() is None else None


def ask(port: int, method: str = "GET", host: str = "localhost"):
    head = f"{method} /api/v1/users HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n"
    [answer] = exchange(("127.0.0.1", port), head.encode())
    return answer


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT])
def test_serves_obeys_the_flag_and_ends(started, number):
    process, port, run = started
    assert ask(port).status == 200
    assert ask(port, host="acme.edge.test").status == 200
    assert ask(port, host="elsewhere.example").status == 421
    (run / "read-only").touch()
    assert ask(port, "POST").status == 503
    (run / "read-only").unlink()
    assert ask(port, "POST").status == 200
    process.send_signal(number)
    assert process.wait(60) == 0
    assert not listens(port)
    assert f"http://127.0.0.1:{port}" in process.stdout.read().decode()


def test_a_flood_of_requests_writes_nothing_that_a_reader_would_have_to_take(started):
    """Output that nobody reads fills a pipe, and nginx would wait for it with every request."""
    process, port, run = started
    for _ in range(300):
        ask(port)
    wait_until(lambda: (run / "access.log").read_bytes().count(b"\n") >= 300, "300 lines")
    process.terminate()
    assert process.wait(60) == 0
    assert process.stdout.read().count(b"\n") == 1


def test_make_starts_it_and_its_end_ends_it(tmp_path, upstream):
    port = free_port()
    command = ["make", "-o", "setup", "edge", f"PORT={port}", f"RUN={tmp_path}/run"]
    command += [f"UPSTREAM=127.0.0.1:{upstream.port}"]
    make = subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: make.poll() is not None or listens(port), "make's edge to listen")
        assert ask(port).status == 200
        make.kill()  # not even make is asked
        wait_until(lambda: not listens(port), "the end of the edge")
    finally:
        make.wait(60)
        if listens(port):
            os.killpg(make.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "UPSTREAM is missing: make edge UPSTREAM=127.0.0.1:9000"),
        (["--upstream", "nine"], "UPSTREAM should be host:port such as 127.0.0.1:9000, got 'nine'"),
        (["--upstream", "http://a:1"], "UPSTREAM should be host:port"),
        (["--upstream", "a:1", "--port", "0"], "PORT should be 1 to 65535, got '0'"),
        (["--upstream", "a:1", "--port", "x"], "PORT should be 1 to 65535, got 'x'"),
        (["--upstream", "a:1", "--limits", "no"], "LIMITS should be on or dry-run, got 'no'"),
    ],
)
def test_fails_on_a_wrong_argument_with_the_mend(capsys, arguments, message):
    with pytest.raises(SystemExit) as ended:
        edge_process.main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_fails_on_a_port_that_is_taken(capsys, upstream, tmp_path):
    arguments = ["--upstream", "a:1", "--port", str(upstream.port), "--run", str(tmp_path)]
    with pytest.raises(SystemExit):
        edge_process.main(arguments)
    printed = capsys.readouterr().err
    assert f"port {upstream.port} of 127.0.0.1 is taken: free it, or choose another PORT" in printed
