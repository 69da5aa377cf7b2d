"""Compares what each chain did with a request."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import unquote

from doubles.recording_upstream import RecordingUpstream
from doubles.wire import NoAnswerError, exchange
from migration.chains import Chain
from migration.requests import ChainRequest
from migration.traffic_shift.accepted import Accepted
from migration.traffic_shift.accepted import Difference as Entry

APP, CLOSED, OTHER, SPELLING, SILENT = "app", "closed", "other", "spelling", "silent"
_AT_ONCE = 8  # requests; each chain answers a thousand times as many
_BATCH = 100
_TIMEOUT_SECONDS = 30  # Apache gives a head twenty seconds

_numbers = itertools.count(1)


@dataclass(frozen=True)
class ChainOutcome:
    """The statuses that came back, and what the app saw, in order."""

    statuses: tuple[int | None, ...]
    seen: tuple[tuple[str, str], ...]  # method and target
    silent: bool = False  # neither an answer nor the connection's end in time

    @property
    def word(self) -> str:
        """APP, SILENT, CLOSED, or the status that the chain itself answered."""
        if self.seen:
            return APP
        if self.silent:
            return SILENT
        return str(self.statuses[0] or OTHER) if self.statuses else CLOSED

    def __str__(self) -> str:
        answers = "+".join(str(status or "no HTTP/1") for status in self.statuses) or self.word
        reached = ", ".join(f"{method} {target[:120]}" for method, target in self.seen)
        return f"{answers}, app saw {reached}" if reached else answers


@dataclass(frozen=True, kw_only=True)
class ChainDifference:
    """A request that the two chains treat differently."""

    request: ChainRequest
    shape: str
    legacy: ChainOutcome
    new: ChainOutcome
    accepted: Entry | None

    @property
    def kind(self) -> tuple[str, str, str]:
        """Shape, legacy outcome and new outcome, in the words of the accepted list."""
        return self.shape, self.legacy.word, _new_word(self.legacy, self.new)


@dataclass(frozen=True, kw_only=True)
class ChainComparison:
    """Everything that was asked, and what came of it."""

    requests: int
    differences: tuple[ChainDifference, ...]
    unsteady: tuple[ChainRequest, ...]  # the legacy chain itself answered twice in two ways

    @property
    def unlisted(self) -> tuple[ChainDifference, ...]:
        return tuple(each for each in self.differences if each.accepted is None)


def compared(
    requests: Sequence[ChainRequest],
    *,
    legacy: Chain,
    new: Chain,
    app: RecordingUpstream,
    accepted: Accepted,
) -> ChainComparison:
    """Send each request to the legacy chain, to the edge, and to the legacy chain again.

    What the legacy chain itself does in two ways is noise, and compared with nothing.
    """
    differences, unsteady = [], []
    for request, (before, after, again) in _outcomes(requests, (legacy, new, legacy), app):
        if before != again:
            unsteady.append(request)
        elif before != after:
            shape = request.shape
            entry = accepted.covering(shape, before.word, _new_word(before, after))
            differences.append(
                ChainDifference(
                    request=request, shape=shape, legacy=before, new=after, accepted=entry
                )
            )
    return ChainComparison(
        requests=len(requests), differences=tuple(differences), unsteady=tuple(unsteady)
    )


def _outcomes(
    requests: Sequence[ChainRequest], chains: Sequence[Chain], app: RecordingUpstream
) -> Iterator[tuple[ChainRequest, list[ChainOutcome]]]:
    def one(request: ChainRequest) -> list[ChainOutcome]:
        return [outcome(request, chain, app) for chain in chains]

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        # In batches, so that what the app remembers of each does not grow with the log.
        for start in range(0, len(requests), _BATCH):
            batch = requests[start : start + _BATCH]
            yield from zip(batch, pool.map(one, batch), strict=True)
            app.forget()


def outcome(request: ChainRequest, chain: Chain, app: RecordingUpstream) -> ChainOutcome:
    """Return what one chain does with one request."""
    number = f"compared-{next(_numbers)}"
    silent = False
    try:
        answers = exchange(
            chain.address,
            request.bytes(number),
            expected=request.answers,
            half_close=request.half_close,
            seconds=_TIMEOUT_SECONDS,
        )
    except NoAnswerError:
        answers, silent = [], True
    seen = tuple((each.method, each.target) for each in app.about(number))
    statuses = [answer.status for answer in answers]
    # Apache adds its page to a refusal of a body as if to a second answer; that is not one.
    while len(statuses) > 1 and statuses[-1] is None:
        statuses.pop()
    return ChainOutcome(tuple(statuses), seen, silent)


def _new_word(legacy: ChainOutcome, new: ChainOutcome) -> str:
    """As `word`, but of two outcomes at the app: how they differ."""
    if legacy.word != APP or new.word != APP:
        return new.word
    # The same request may still be answered to the client in another way; of two spellings, the
    # app answers as it likes.
    alike = legacy.seen != new.seen and _meant(legacy) == _meant(new)
    return SPELLING if alike else OTHER


def _meant(outcome: ChainOutcome) -> list[tuple[str, ...]]:
    """Return what the app saw, parts of a target decoded once: a "?" divides, a %3F does not."""
    return [(method, *map(unquote, target.split("?", 1))) for method, target in outcome.seen]
