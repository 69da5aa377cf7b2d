"""The requests for both chains: the corpus of awkward ones, and those of a log."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from migration.request_shape import shape_of_request

CORPUS = Path(__file__).parents[1] / "tests" / "edge" / "corpus.jsonl"
HOST = "acme.edge.test"

# A request line in quotation marks, as in the common, combined and load balancer's log formats.
_QUOTED = re.compile(r'"(?P<method>[A-Z]+) (?P<target>(?:[^"\\ ]|\\.)+) HTTP/[\d.]+ ?"')
_ABSOLUTE = re.compile(r"^https?://[^/?#]*", re.IGNORECASE)
_HEX = re.compile(r"\\x([0-9a-fA-F]{2})")
_BODYLESS = ("GET", "HEAD", "DELETE", "OPTIONS")


@dataclass(frozen=True, kw_only=True)
class ChainRequest:
    """One request, to be sent byte for byte; {ID} in it becomes a number of its own."""

    name: str  # of the corpus, or the first line of the log that had it
    raw: str  # latin-1: a character for each byte
    answers: int = 1  # expected on the connection
    half_close: bool = False
    times: int = 1  # how often the log had it

    @property
    def shape(self) -> str:
        return shape_of_request(self.raw)

    def bytes(self, number: str) -> bytes:
        """Return the bytes on the wire: numbered, with the length of what follows the head."""
        raw = self.raw.replace("{ID}", number)
        if "{LEN}" in raw:
            raw = raw.replace("{LEN}", str(len(raw.partition("\r\n\r\n")[2])))
        return raw.encode("latin-1")


def corpus(file: Path = CORPUS) -> list[ChainRequest]:
    """Return the shipped corpus."""
    rows = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return [
        ChainRequest(
            name=row["id"],
            raw=row["raw"],
            answers=max(1, len(row["expect"]["status"])),
            half_close=row["half_close"],
        )
        for row in rows
    ]


def of_log(lines: Iterable[str]) -> list[ChainRequest]:
    """Return each method and target of an access log once, in the order of their first appearance.

    Lines may be of the common or combined format, of an Application Load Balancer's log, or JSON
    with "method" and "path" or "target". Bodies and headers are in no such log: a request is sent
    with a Host and nothing else. Lines that hold no request are left out.
    """
    seen: Counter[tuple[str, str]] = Counter()
    for line in lines:
        if (found := _request_of(line)) is not None:
            seen[found] += 1
    return [_as_request(*request, times=times) for request, times in seen.items()]


def _request_of(line: str) -> tuple[str, str] | None:
    if line.startswith("{"):
        return _request_of_json(line)
    found = _QUOTED.search(line)
    if found is None:
        return None
    # Apache and nginx write bytes that are no text as \xHH, quotation marks as \" and \x22.
    target = _HEX.sub(lambda each: chr(int(each[1], 16)), found["target"])
    return found["method"], _ABSOLUTE.sub("", re.sub(r"\\(.)", r"\1", target)) or "/"


def _request_of_json(line: str) -> tuple[str, str] | None:
    try:
        entry = json.loads(line)
    except json.JSONDecodeError:
        return None
    target = entry.get("target") or entry.get("path")
    method = entry.get("method")
    if not isinstance(target, str) or not isinstance(method, str) or not method.isalpha():
        return None
    return method, target


def _as_request(method: str, target: str, *, times: int) -> ChainRequest:
    length = "" if method in _BODYLESS else "Content-Length: 0\r\n"
    head = f"{method} {target} HTTP/1.1\r\nHost: {HOST}\r\nX-Probe: {{ID}}\r\n{length}"
    text = f"{head}Connection: close\r\n\r\n"
    raw = text.encode("latin-1", errors="replace").decode("latin-1")
    return ChainRequest(name=f"{method} {target}", raw=raw, times=times)


def read_log(file: Path) -> Iterator[str]:
    """Yield the lines of a log; bytes that are no UTF-8 stay what they are. Raises OSError."""
    with file.open(encoding="latin-1") as opened:
        yield from opened
