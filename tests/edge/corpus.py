"""The corpus of awkward requests: what each must do, and where an edge does otherwise.

A row's `expect` says what happens to it at the edge; `legacy` what the chain with Apache did.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doubles.recording_upstream import Received, RecordingUpstream
from doubles.wire import WireAnswer, exchange

FILE = Path(__file__).with_name("corpus.jsonl")
TENANT = "acme.edge.test"

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Row:
    """One request with what is expected of it."""

    id: str
    cls: str
    raw: str  # latin-1: a character for each byte
    half_close: bool
    expect: dict[str, Any]
    reason: str

    def request(self, number: str) -> bytes:
        """The bytes to send: with a number of its own, and the length of what follows the head."""
        raw = self.raw.replace("{ID}", number)
        if "{LEN}" in raw:
            raw = raw.replace("{LEN}", str(len(raw.partition("\r\n\r\n")[2])))
        return raw.encode("latin-1")


def rows() -> list[Row]:
    found = map(json.loads, FILE.read_text(encoding="utf-8").splitlines())
    return [Row(**{key: row[key] for key in Row.__dataclass_fields__}) for row in found]


def new_number() -> str:
    return f"probe-{next(_numbers)}"


def differences(row: Row, address: tuple[str, int], upstream: RecordingUpstream) -> list[str]:
    """What the edge at `address` does otherwise than the row says; empty when it conforms."""
    number = new_number()
    answers = exchange(
        address,
        row.request(number),
        expected=len(row.expect["status"]),
        half_close=row.half_close,
    )
    return [f"{row.id}: {what}" for what in _compared(row, answers, upstream.about(number))]


def _compared(row: Row, answers: list[WireAnswer], received: list[Received]) -> Iterator[str]:
    expect = row.expect
    statuses = [answer.status for answer in answers]
    if statuses != expect["status"]:
        yield f"answered {statuses}, not {expect['status']}"
    if len(received) != expect["upstream_requests"]:
        yield f"{len(received)} requests reached the app, not {expect['upstream_requests']}"
    if received and expect["upstream_target"] is not None:
        first = received[0]
        if (first.method, first.target) != (expect["upstream_method"], expect["upstream_target"]):
            yield f"the app saw {first.line!r}, not {expect['upstream_target']!r}"
    for answer in answers:
        yield from _answered(expect, answer)


def _answered(expect: dict[str, Any], answer: WireAnswer) -> Iterator[str]:
    if answer.status is None:
        return
    if answer.headers.get("location") != expect["location_header"]:
        yield f"answered with Location {answer.headers.get('location')}"
    if "x-inj" in answer.headers:
        yield "a header of the answer came from the target"
    if "x-edge-mode" not in answer.headers or "x-request-id" not in answer.headers:
        yield "answered without X-Edge-Mode or X-Request-Id"
    if answer.repeated:
        yield f"answered {sorted(answer.repeated)} more than once"
    if expect["deny_reason"] is not None:
        printed = json.loads(answer.body or b"{}").get("reason")
        if printed != expect["deny_reason"] or answer.headers.get("x-edge-reason") != printed:
            yield f"refused as {printed}, not {expect['deny_reason']}"
