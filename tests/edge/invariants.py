"""What holds for every target whatever it is, and a generator of awkward ones.

Targets are sent pipelined over raw sockets: the edge's answers come in the order of the requests,
and the app's answer says which target it saw.
"""

from __future__ import annotations

import json
import random
import re
import socket
from collections.abc import Iterator, Sequence
from itertools import islice
from urllib.parse import unquote_to_bytes

from doubles.wire import WireAnswer, answers
from tests.edge.corpus import TENANT

_TOKENS = (
    *["/"] * 6, *["//"] * 3, "api", "v1", "users", "00u1", "admin", "keys", "_edge", "400", "login",
    ".", "..", "...", "%2e", "%2E%2e", "%2f", "%2F", "%5c", "%5C", "%3f", "%3F", "%3F", "?", "?",
    "limit=1", "after=abc", "&", "=", "%26", "%3D", ";", "%3b", "%00", "%0d%0a", "%09", "%25",
    "%2561", "%61", "%41", "a", "~", "\\", "#", "%c0%af", "%c0%ae", "%e0%80%af", "%EF%BC%8F",
    "%C3%A9", "%20", "%22", "+", "@", ":", "*", "!", "'", "(", ")", ",", "$", "|", '"', "<", "%",
    "%zz", "%u002f", "evil.example", "http:", "x", "%7f", "%80", "%ff", "-", "_", "healthz",
)  # fmt: skip
_BATCH = 40
_CLOSED_ROUTES = ("/admin", "/_edge/")


def targets(seed: int) -> Iterator[str]:
    """Endless; the same for the same seed."""
    source = random.Random(seed)
    while True:
        yield "/" + "".join(source.choice(_TOKENS) for _ in range(source.randint(1, 9)))


def violations(port: int, seed: int, count: int) -> list[str]:
    """What the edge on 127.0.0.1 does with `count` targets that it must not do."""
    sent = list(islice(targets(seed), count))
    found = []
    forwarded = []
    for target, answer in zip(sent, ask(port, sent), strict=True):
        seen = _seen(answer)
        found += [f"{target!r}: {what}" for what in _of_the_answer(answer)]
        if seen is not None:
            forwarded.append(seen)
            found += [f"{target!r} -> {seen!r}: {what}" for what in _of_what_is_seen(target, seen)]
    again = sorted(set(forwarded))
    for seen, answer in zip(again, ask(port, again), strict=True):
        if _seen(answer) != seen:
            found.append(f"{seen!r} is forwarded, and becomes {_seen(answer)!r} when sent again")
    return found


def _of_the_answer(answer: WireAnswer) -> Iterator[str]:
    if answer.status is None or answer.status >= 500:
        yield f"answered {answer.status}"
    if "location" in answer.headers:
        yield f"redirected to {answer.headers['location']}"
    if any(name.startswith("x-inj") for name in answer.headers) or answer.repeated:
        yield "a header of the answer came from the target"
    if "x-edge-mode" not in answer.headers:
        yield "answered without X-Edge-Mode"
    own = answer.headers.get("content-type") == "application/problem+json"
    if own and not json.loads(answer.body)["reason"]:
        yield "refused without a reason"


def _of_what_is_seen(target: str, seen: str) -> Iterator[str]:
    path = seen.partition("?")[0]
    if "//" in path:
        yield "a run of slashes is left"
    if re.search(r"(^|/)(\.|%2e){1,2}(/|$)", path, re.IGNORECASE):
        yield "a dot segment is left"
    if re.search(r"%2f|%5c|\\|%00|%0[ad]|;|%3b|%25|%c[01]|[^\x21-\x7e]", path, re.IGNORECASE):
        yield "two servers could read it differently"
    if lenient(seen).startswith(_CLOSED_ROUTES):
        yield "it is a closed route for a lenient server"
    asked = target.partition("?")[0]
    if "//" not in asked and "%3f" not in asked.lower() and seen != target:
        yield "bytes were changed that nothing had to change"


def lenient(target: str) -> str:
    """The path as a server reads it that decodes, cuts parameters off and resolves dots."""
    path = unquote_to_bytes(target.partition("?")[0]).decode("latin-1").replace("\\", "/")
    parts: list[str] = []
    for segment in path.split("/"):
        name = segment.partition(";")[0]
        if name == "..":
            del parts[-1:]
        elif name not in ("", "."):
            parts.append(name)
    return "/" + "/".join(parts)


def ask(port: int, wanted: Sequence[str]) -> Iterator[WireAnswer]:
    """One answer for each target, in order; an edge that closes is asked the rest anew."""
    done = 0
    while done < len(wanted):
        batch = wanted[done : done + _BATCH]
        taken = _pipelined(port, batch)
        assert taken, f"no answer to {batch[0]!r}"
        assert len(taken) <= len(batch), f"more answers than requests to {batch!r}"
        yield from taken
        done += len(taken)


def _pipelined(port: int, batch: Sequence[str]) -> list[WireAnswer]:
    requests = [f"GET {target} HTTP/1.1\r\nHost: {TENANT}\r\n" for target in batch]
    last = requests.pop() + "Connection: close\r\n"
    sent = "\r\n".join([*requests, last]) + "\r\n"
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        try:
            connection.sendall(sent.encode("latin-1"))
            while data := connection.recv(1 << 20):
                received += data
        except (BrokenPipeError, ConnectionResetError):
            pass  # it closed while requests were on their way: what it answered counts
    return answers(received)


def _seen(answer: WireAnswer) -> str | None:
    """The target that the app saw; None when the request did not reach it."""
    if answer.headers.get("content-type") != "application/json" or b'"target"' not in answer.body:
        return None
    return json.loads(answer.body)["target"]
