"""The edge's image, as shipped, with a real nginx: what it answers, forwards, trusts and logs."""

from __future__ import annotations

import os
import signal
import ssl
import stat
import subprocess
from threading import Thread

import pytest

from local.edge_process import IMAGE, nginx_binary
from local.waiting import wait_until
from tests.edge.app import ADDRESSES
from tests.edge.authority import Authority
from tests.edge.conftest import DOMAIN, SECONDS, TENANT

_REQUIRED = ["APP_ADDRESS", "APP_NAME", "DOMAIN", "LONGEST_REQUEST_SECONDS"]


def test_nginx_accepts_the_configuration_without_a_warning(edge, variables):
    conf = edge.run / "conf" / "nginx.conf"
    command = [nginx_binary(), "-p", edge.run, "-c", conf, "-e", "stderr", "-t"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    warnings = [line for line in done.stderr.splitlines() if "[warn]" in line]
    if os.geteuid() != 0:  # who may not change the user is told that nginx does not
        warnings = [line for line in warnings if '"user" directive' not in line]
    assert warnings == []


@pytest.mark.parametrize("name", _REQUIRED)
def test_fails_on_a_missing_variable_with_its_name(variables, tmp_path, name):
    given = {key: value for key, value in variables.items() if key != name}
    done = subprocess.run(
        ["sh", str(IMAGE / "entrypoint.sh")],
        env={**given, "RUN": str(tmp_path / "run"), "KEYS": str(tmp_path / "keys")},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert f"{name}: " in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_key_is_made_at_the_start_and_only_its_owner_can_read_it(edge):
    key = edge.keys / "key.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(edge.keys.stat().st_mode) == 0o700
    elsewhere = [path for path in edge.folder.rglob("*") if path.is_file() and path != key]
    assert not any(b"PRIVATE KEY" in path.read_bytes() for path in elsewhere)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_speaks_tls_1_2_and_1_3(edge, version):
    context = edge.tls(minimum_version=version, maximum_version=version)
    with edge.connect(context) as connection:
        assert connection.version() == version.name.replace("_", ".")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_fails_on_older_tls(edge, version):
    """The client is told to offer it, or the refusal would be its own; the alert is the edge's."""
    context = edge.tls(minimum_version=version, maximum_version=version)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="ALERT"):
        edge.connect(context)


def test_offers_http_2_to_whoever_asks(edge):
    context = edge.tls()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with edge.connect(context) as connection:
        assert connection.selected_alpn_protocol() == "h2"


@pytest.mark.parametrize("host", ["10.0.32.7:8443", "10.0.32.7", TENANT, "elsewhere.example.net"])
def test_the_health_check_is_answered_under_any_name(edge, host):
    answer = edge.ask("/healthz", host=host)
    assert (answer.status, answer.body) == (200, b"ok\n")


def test_the_health_check_needs_no_app_server(start):
    alone = start(APP_ADDRESS="nowhere.test:1", RESOLVER="127.0.0.1:1")
    assert alone.ask("/healthz").status == 200
    assert alone.ask("/").status == 502


@pytest.mark.parametrize("host", ["elsewhere.example.net", f"{DOMAIN}.evil.net", "10.0.32.7"])
def test_fails_on_a_name_that_is_not_ours_before_any_app_server(edge, app, host):
    before = len(app.requests)
    assert edge.ask(host=host).status == 421
    assert len(app.requests) == before


@pytest.mark.parametrize("host", [DOMAIN, TENANT, f"a.b.{DOMAIN}"])
def test_a_tenants_request_is_forwarded_with_its_name(edge, app, host):
    assert edge.ask("/login", host=host).status == 200
    assert app.last.headers["host"] == host


@pytest.mark.parametrize(
    "target",
    [
        "/api/v1/users/jane%40example.com?limit=1&after=a%2Fb%20c",
        "/%E2%82%AC/%e2/?q=%&r=%00&s=//x/../y",
        "/a%3Fb=c",
        "/comma,quote'(paren)*$@:!",
        "/?",
    ],
)
def test_the_path_and_the_query_reach_the_app_byte_for_byte(edge, app, target):
    assert edge.ask(target).status == 200
    assert app.last.line == f"GET {target} HTTP/1.1".encode()


def test_every_request_gets_an_id_of_the_edge_whatever_the_client_sends(edge, app):
    edge.ask(X_Request_Id="mine")
    first = app.last.headers["x-request-id"]
    edge.ask()
    assert first != "mine"
    assert len(first) == 32
    assert first != app.last.headers["x-request-id"]


def test_what_the_load_balancer_says_of_the_client_is_passed_on(edge, app):
    said = {"X_Forwarded_For": "203.0.113.7", "X_Forwarded_Proto": "https"}
    edge.ask(**said)
    assert app.last.headers["x-forwarded-for"] == "203.0.113.7"
    assert app.last.headers["x-forwarded-proto"] == "https"


def test_an_app_server_with_another_name_is_not_trusted(start):
    edge = start(APP_NAME=f"other.{DOMAIN}")
    wait_until(lambda: _error(edge, "does not match"), "an error of the name")
    assert edge.ask().status == 502


def test_an_app_server_of_another_authority_is_not_trusted(start, tmp_path_factory):
    stranger = Authority(tmp_path_factory.mktemp("stranger"))
    edge = start(APP_CA=str(stranger.certificate))
    wait_until(lambda: _error(edge, "certificate verify error"), "an error of the certificate")
    assert edge.ask().status == 502


def _error(edge, text: str) -> bool:
    """True once an answer failed for that reason; before, the app's address is not yet known."""
    edge.ask()
    return text in edge.errors()


def test_an_upgraded_connection_passes_both_ways(edge, app):
    with edge.connect() as connection:
        head = f"GET /ws HTTP/1.1\r\nHost: {TENANT}\r\n"
        connection.sendall(f"{head}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n".encode())
        assert connection.recv(4_096).startswith(b"HTTP/1.1 101 ")
        connection.sendall(b"ping")
        assert connection.recv(4_096) == b"ping"
    assert app.last.headers["connection"] == "upgrade"


def test_connections_to_the_app_are_kept_so_that_a_request_costs_no_handshake(edge, app):
    edge.ask()
    assert app.last.headers.get("connection") is None


def test_the_apps_new_address_is_followed_without_a_restart(edge, names):
    assert edge.ask().body == ADDRESSES[0].encode()
    names.address = ADDRESSES[1]
    try:
        wait_until(lambda: edge.ask().body == ADDRESSES[1].encode(), "the new address")
    finally:
        names.address = ADDRESSES[0]
        wait_until(lambda: edge.ask().body == ADDRESSES[0].encode(), "the old address")


def test_sigquit_ends_what_is_in_flight_and_takes_nothing_new(start, app):
    edge = start()
    wait_until(lambda: edge.ask().status == 200, "an answer of 200")
    memory, answers = app.hold(), []
    asking = Thread(target=lambda: answers.append(edge.ask("/slow")))
    asking.start()
    assert memory.entered.wait(SECONDS)
    edge.process.send_signal(signal.SIGQUIT)
    wait_until(lambda: _refused(edge), "a refusal")
    assert edge.process.poll() is None
    memory.leave.set()
    asking.join(SECONDS)
    assert [answer.status for answer in answers] == [200]
    assert edge.process.wait(SECONDS) == 0


def _refused(edge) -> bool:
    try:
        edge.connect().close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False
