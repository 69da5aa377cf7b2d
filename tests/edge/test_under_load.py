"""What may happen to an edge at any moment, while clients ask: nothing of it is noticed by them.

Bounds of time are loose here, for machines that do something else too; benchmarks measure.
"""

from __future__ import annotations

import signal
import time
from statistics import median

from doubles.recording_upstream import RecordingUpstream
from local.waiting import wait_until
from tests.edge.app import Names
from tests.edge.load import Load

WRITE, LOGIN, READ = "/api/v1/users", "/api/v1/authn", "/login"
CLIENTS = [("POST", WRITE)] * 6 + [("POST", LOGIN)] * 4 + [("GET", READ)] * 4


def test_twenty_flips_close_no_connection_and_refuse_no_login(launch):
    with RecordingUpstream(record=False) as app:
        edge = launch(app_address=f"127.0.0.1:{app.port}")
        flag = edge.run / "read-only"
        waits: dict[int, list[float]] = {503: [], 200: []}
        with Load(edge.port, CLIENTS) as load:
            wait_until(lambda: load.counted(WRITE)[200] > 50, "50 writes")
            for _ in range(20):
                for wanted in (503, 200):
                    before = time.monotonic()
                    flag.touch() if wanted == 503 else flag.unlink()
                    at = wait_until(
                        lambda: load.first(WRITE, wanted, before),  # noqa: B023
                        f"a write answered {wanted}",
                    )
                    assert at is not None
                    waits[wanted].append(at - before)
        assert load.closed == 0
        assert load.lost == 0
        assert set(load.counted(LOGIN)) == {200}
        assert set(load.counted(READ)) == {200}
        assert set(load.counted(WRITE)) == {200, 503}
        for wanted, seconds in waits.items():  # pytest -s shows them
            shown = f"median {median(seconds) * 1000:.1f} ms, longest {max(seconds) * 1000:.1f} ms"
            print(f"\nto the first {wanted} after a flip, {len(seconds)} times: {shown}")
            assert median(seconds) < 0.5
        edge.stop()


def test_sigquit_loses_no_request(launch):
    with RecordingUpstream(record=False) as app:
        edge = launch(app_address=f"127.0.0.1:{app.port}")
        clients = [("GET", "/slow"), ("POST", WRITE), ("GET", READ)] * 8
        with Load(edge.port, clients) as load:
            wait_until(lambda: load.counted("/slow")[200] > 20, "20 slow answers")
            edge.process.send_signal(signal.SIGQUIT)
            assert edge.process.wait(60) == 0
            wait_until(lambda: all(client.refused for client in load.clients), "refused clients")
        assert load.lost == 0
        assert set(load.counted()) == {200}


def test_the_app_s_new_address_is_followed_and_no_request_is_lost(launch, quick_conf):
    addresses = ("127.0.0.1", "127.0.0.2")
    with RecordingUpstream(addresses=addresses) as app, Names() as names:
        edge = launch(
            app_address=f"app.test:{app.port}",
            conf=quick_conf,
            variables={"RESOLVER": f"127.0.0.1:{names.port}"},
        )
        names.address = addresses[0]

        def arrived_at(address: str) -> int:
            return sum(request.address == address for request in app.received[-200:])

        # Until the name is resolved for the first time there is no app to forward to.
        wait_until(lambda: _status(edge) == 200, "an answer of 200")
        with Load(edge.port, [("GET", READ), ("POST", WRITE)] * 4) as load:
            for address in (addresses[1], addresses[0]):
                names.address = address
                wait_until(lambda: arrived_at(address) == 200, address)  # noqa: B023
        assert load.lost == 0
        assert set(load.counted()) == {200}
        edge.stop()


def _status(edge) -> int | None:
    from doubles.wire import exchange

    request = b"GET /login HTTP/1.1\r\nHost: acme.edge.test\r\nConnection: close\r\n\r\n"
    [answer] = exchange(edge.address, request)
    return answer.status
