"""Answers that clients got: one line for each thing that a client tried, once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

# In the order of the report. A login's session is asked after as `verify`.
KINDS = ("login", "verify", "check", "logout", "write", "audit")
OUTCOMES = ("ok", "refused", "failed")
OK, REFUSED, FAILED = OUTCOMES


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """`due` is when it was to begin, in seconds since 1970; `took` counts from then.

    `refused` is the answer of read-only mode to a write; everything else that is not what was
    asked for is `failed`. `id` is the request's, which audit events and logs name too.
    """

    kind: str
    id: str
    tenant: str
    due: float
    late: float  # seconds from `due` to the request
    took: float
    outcome: str
    status: int  # 0 where there was no answer
    why: str = ""
    account: str = ""  # of a write
    value: str = ""  # and the name that it gave

    @property
    def ended(self) -> float:
        return self.due + self.took

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))


class Growing:
    """Files of attempts that are still written: `more` is what came since the last look."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._read = dict.fromkeys(files, 0)

    def more(self) -> Iterator[Attempt]:
        """Yield every whole line that has not been read yet."""
        for file, at in self._read.items():
            if not file.exists():
                continue
            with file.open("rb") as lines:
                lines.seek(at)
                text = lines.read()
            whole = text[: text.rfind(b"\n") + 1]
            self._read[file] = at + len(whole)
            for line in whole.splitlines():
                yield Attempt(**json.loads(line))


def expected_events(attempts: Iterable[Attempt]) -> list[Attempt]:
    """Return the attempts that the transaction store has to know: each is an event of its own."""
    return [
        each
        for each in attempts
        if each.outcome == OK and each.kind in ("login", "logout", "write")
    ]
