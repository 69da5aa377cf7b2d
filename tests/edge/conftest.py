"""The shipped nginx folder as a process on 127.0.0.1, between a client and a TLS app server."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from doubles.recording_upstream import RecordingUpstream
from local.edge_process import IMAGE, edge_process
from local.waiting import free_port, listens, wait_until
from tests.edge.app import App, Names
from tests.edge.authority import Authority

DOMAIN = "id.example.com"
TENANT = f"acme.{DOMAIN}"
APP_NAME = f"app-tier.{DOMAIN}"
SECONDS = 10  # for what takes a fraction of one


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Edge:
    """A running edge and where it keeps its things."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def keys(self) -> Path:
        return self.run / "keys"

    def log(self) -> list[dict[str, Any]]:
        whole, _, _ = (self.run / "access.log").read_bytes().rpartition(b"\n")
        return [json.loads(line) for line in whole.splitlines()]

    def line(self, request_id: str) -> dict[str, Any] | None:
        """The log's line about a request, once it is written: within a second."""
        return next((line for line in self.log() if line["request_id"] == request_id), None)

    def errors(self) -> str:
        return (self.run / "error.log").read_text()

    def tls(self, **settings: Any) -> ssl.SSLContext:
        """TLS as the public load balancer speaks it: it does not ask who the edge is."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        for name, value in settings.items():
            setattr(context, name, value)
        return context

    def connect(self, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)
        return (context or self.tls()).wrap_socket(plain)

    def ask(self, target: str = "/", *, host: str = TENANT, method: str = "GET", **headers: str):
        """One request on a connection of its own, its target byte for byte as given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        connection.sock = self.connect()
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": host, **headers}.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        taken = Answer(answer.status, dict(answer.getheaders()), answer.read())
        connection.close()
        return taken

    def stop(self, number: int = signal.SIGQUIT) -> int:
        self.process.send_signal(number)
        return self.process.wait(SECONDS)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def app(authority: Authority) -> Iterator[App]:
    """Two app servers on one port, at 127.0.0.1 and at 127.0.0.2, as the edge's upstream."""
    with App(authority.issue(APP_NAME)) as app:
        yield app


@pytest.fixture(scope="session")
def names() -> Iterator[Names]:
    """The DNS of the network: app.test is at 127.0.0.1 until told otherwise."""
    with Names() as names:
        yield names


@pytest.fixture(scope="session")
def variables(app: App, names: Names, authority: Authority) -> dict[str, str]:
    """What the task definition and the machine set."""
    return {
        "APP_ADDRESS": f"app.test:{app.port}",
        "APP_NAME": APP_NAME,
        "DOMAIN": DOMAIN,
        "LONGEST_REQUEST_SECONDS": "5",
        "TRUSTED_PROXIES": "127.0.0.0/8",
        "APP_CA": str(authority.certificate),
        "RESOLVER": f"127.0.0.1:{names.port}",
    }


@pytest.fixture(scope="session")
def quick_conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped configuration, asking DNS every second."""
    conf = tmp_path_factory.mktemp("conf")
    for file in (IMAGE / "conf").iterdir():
        (conf / file.name).write_text(file.read_text().replace("valid=10s", "valid=1s"))
    assert "valid=1s" in (conf / "app.conf").read_text()
    return conf


@pytest.fixture(scope="session")
def launch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Edge]]:
    """`launch(app_address=...)`: an edge on a free port, with arguments of `edge_process`."""
    started: list[Edge] = []

    def launched(**arguments: Any) -> Edge:
        folder = tmp_path_factory.mktemp("edge")
        port = free_port()
        shipped = edge_process(**{"run": folder / "run", "port": port, **arguments})
        with (folder / "stderr").open("wb") as err:
            process = subprocess.Popen(
                shipped.command, env=shipped.variables, stderr=err, start_new_session=True
            )
        edge = Edge(process, port, folder)
        started.append(edge)
        wait_until(
            lambda: process.poll() is not None or listens(port),
            "the edge to listen",
            log=folder / "stderr",
        )
        assert process.poll() is None, (folder / "stderr").read_text()
        return edge

    yield launched
    for edge in started:
        # SIGTERM ends the workers with their master; SIGKILL would leave them behind.
        edge.process.terminate()
        try:
            edge.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(edge.process.pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def start(
    launch: Callable[..., Edge], variables: dict[str, str], quick_conf: Path
) -> Callable[..., Edge]:
    """`start(APP_NAME="other")`: an edge with TLS on both sides, with those variables changed."""

    def started(**changes: str) -> Edge:
        told = {**variables, **changes}
        return launch(
            app_address=told["APP_ADDRESS"],
            listen="tls",
            app="tls",
            conf=quick_conf,
            variables=told,
        )

    return started


@pytest.fixture(scope="session")
def upstream() -> Iterator[RecordingUpstream]:
    """What stands behind the plain edge, and remembers."""
    with RecordingUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="session")
def plain_edge(launch: Callable[..., Edge], upstream: RecordingUpstream) -> Edge:
    """The edge of `make edge`; shared, so a test leaves it running and without a flag."""
    return launch(app_address=f"127.0.0.1:{upstream.port}")


@pytest.fixture(scope="session")
def quiet_edge(launch: Callable[..., Edge]) -> Iterator[Edge]:
    """The edge of `make edge` before an app that answers and remembers nothing."""
    with RecordingUpstream(record=False) as app:
        yield launch(app_address=f"127.0.0.1:{app.port}")


@pytest.fixture(scope="session")
def edge(start: Callable[..., Edge]) -> Edge:
    """An edge that has found its app server; shared, so a test leaves it running."""
    edge = start()
    wait_until(lambda: edge.ask().status == 200, "an answer of 200 through the edge")
    return edge


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
