"""An app behind a name of two and of three addresses, one of which misbehaves, under load.

A balancer's name is answered with an address for each of its zones. Whatever one of them does, the
requests that are sent to the others are answered as if nothing were, and none is asked twice.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from doubles.wire import answers
from local.waiting import wait_until
from tests.edge.app import Names
from tests.edge.corpus import TENANT, new_number
from tests.edge.misbehaving import Behaviour, MisbehavingApp

ADDRESSES = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
BAD = ADDRESSES[1]
SEVERAL = {"two.test": ADDRESSES[:2], "three.test": ADDRESSES}
LONGEST_SECONDS = 5  # the edge waits for five sixths of it
EACH = 24  # requests of a wave, by edge and method, all at once


@dataclass(frozen=True)
class Asked:
    name: str
    method: str
    status: int | None
    reason: str | None
    seconds: float
    arrived: tuple[str, ...]  # at which addresses, in order


@pytest.fixture(scope="module")
def app() -> Iterator[MisbehavingApp]:
    with MisbehavingApp(ADDRESSES) as app:
        yield app


@pytest.fixture(scope="module")
def edges(launch, quick_conf, app) -> Iterator[dict[str, int]]:
    """The port of an edge before each name."""
    with Names() as names:
        names.several = SEVERAL
        started = {
            name: launch(
                app_address=f"{name}:{app.port}",
                conf=quick_conf,
                variables={
                    "RESOLVER": f"127.0.0.1:{names.port}",
                    "LONGEST_REQUEST_SECONDS": str(LONGEST_SECONDS),
                },
            )
            for name in SEVERAL
        }
        ports = {name: edge.port for name, edge in started.items()}
        # Until a name is resolved for the first time there is no app to forward to.
        wait_until(lambda: {one.status for one in wave(ports, app)} == {200}, "answers of 200")
        yield ports
        for edge in started.values():
            edge.stop()


def wave(ports: dict[str, int], app: MisbehavingApp) -> list[Asked]:
    """Ask both edges for EACH GETs and EACH POSTs at once, on connections of their own."""

    async def asked() -> list[Asked]:
        one_by_one = [
            _ask(name, port, method, app)
            for _ in range(EACH)
            for name, port in ports.items()
            for method in ("GET", "POST")
        ]
        return await asyncio.gather(*one_by_one)

    return asyncio.run(asked())


async def _ask(name: str, port: int, method: str, app: MisbehavingApp) -> Asked:
    number, loop = new_number(), asyncio.get_running_loop()
    body = "{}" if method == "POST" else ""
    head = f"{method} /api/v1/users HTTP/1.1\r\nHost: {TENANT}\r\nX-Probe: {number}\r\n"
    start = loop.time()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
    async with asyncio.timeout(2 * LONGEST_SECONDS):
        [answer] = answers(await reader.read())
    writer.close()
    reason = answer.headers.get("x-edge-reason")
    assert reason is None or json.loads(answer.body)["reason"] == reason
    arrived = tuple(app.arrived[number])
    return Asked(name, method, answer.status, reason, loop.time() - start, arrived)


def outcomes(found: list[Asked]) -> dict[str, Counter]:
    """Return how often each edge answered with which status and reason."""
    return {
        name: Counter((one.status, one.reason) for one in found if one.name == name)
        for name in SEVERAL
    }


def share(name: str, requests: int) -> float:
    return requests / len(SEVERAL[name])


def test_requests_that_hang_cost_their_own_address_s_share_and_nobody_else(edges, app):
    with app.behaving(BAD, "hang"):
        found = wave(edges, app)
    for one in found:
        assert len(one.arrived) == 1, one  # nobody is asked twice for what hangs
        if one.arrived == (BAD,):
            assert (one.status, one.reason) == (504, "app-timeout"), one
            assert one.seconds < LONGEST_SECONDS, one
        else:
            assert one.status == 200, one
            assert one.seconds < 3, one
    for name, counted in outcomes(found).items():
        assert counted[504, "app-timeout"] <= 1.25 * share(name, 2 * EACH)
    # Nothing was counted against anybody: the next requests find every address.
    after = wave(edges, app)
    assert {one.status for one in after} == {200}
    assert any(one.arrived == (BAD,) for one in after)


@pytest.mark.parametrize("behaviour", ["close", "reset"])
def test_what_breaks_off_is_asked_again_where_http_allows_it(edges, app, behaviour: Behaviour):
    with app.behaving(BAD, behaviour):
        found = wave(edges, app) + wave(edges, app)
    assert any(BAD in one.arrived for one in found)
    for one in found:
        if one.method == "GET":
            assert one.status == 200, one
            assert one.arrived.count(BAD) <= 1, one
        elif BAD in one.arrived:
            assert (one.status, one.reason, one.arrived) == (502, "app-closed", (BAD,)), one
        else:
            assert (one.status, len(one.arrived)) == (200, 1), one


@pytest.mark.parametrize("behaviour", ["refuse", "unreachable", "slow"])
def test_what_took_nothing_is_passed_over_and_what_is_slow_is_waited_for(
    edges, app, behaviour: Behaviour
):
    with app.behaving(BAD, behaviour):
        found = wave(edges, app)
    for one in found:
        assert (one.status, len(one.arrived)) == (200, 1), one
    assert any(BAD in one.arrived for one in found) == (behaviour == "slow")


def test_a_503_is_passed_on_as_it_is(edges, app):
    """It may be a store that is away or too many at once: the same at each address."""
    with app.behaving(BAD, "503"):
        found = wave(edges, app)
    for one in found:
        wanted = 503 if one.arrived == (BAD,) else 200
        assert (one.status, one.reason, len(one.arrived)) == (wanted, None, 1), one
    assert any(one.status == 503 for one in found)


def test_no_address_at_all_is_said_to_be_unavailable(edges, app):
    with (
        app.behaving(ADDRESSES[0], "refuse"),
        app.behaving(BAD, "refuse"),
        app.behaving(ADDRESSES[2], "refuse"),
    ):
        found = wave(edges, app)
    assert {(one.status, one.reason, one.arrived) for one in found} == {
        (502, "app-unavailable", ())
    }
    assert {one.status for one in wave(edges, app)} == {200}  # at once, not ten seconds later
