"""A claims ledger: every sentence that the platform answers to, and when it is sound."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

SOURCES = ("whitepaper", "edge article")
TO_FILL = "TO FILL"  # stands where a built claim still waits for the id of its test
ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
NODE_ID = re.compile(r"tests/[\w/]+\.py(::\w+)+(\[.+\])?")
LIST_MARK = re.compile(r"•|\d\.")  # the texts' bullets and step numbers are not words


class Status(StrEnum):
    """A claim's state; BUILT and PARTLY_BUILT must be proven by a test that passes."""

    BUILT = "built"
    PARTLY_BUILT = "partly built"
    PLANNED = "planned"
    NOT_SOFTWARE = "not a claim of software"


CARRIED = (Status.BUILT, Status.PARTLY_BUILT)


@dataclass(frozen=True, kw_only=True)
class Source:
    """A text's number of words, and the SHA-256 of them sorted: no sentence can be lost."""

    name: str
    words: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Omitted:
    """A sentence that makes no claim about the system, and why."""

    source: str
    section: str
    sentence: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A sentence, what AWS allows of it, what is built for it, and the tests that prove it."""

    id: str
    source: str
    section: str
    sentence: str
    reality: str
    built: str
    status: str
    resources: tuple[str, ...]
    tests: tuple[str, ...]
    missing: str = ""

    def problems(self) -> list[str]:
        """Yield what is wrong with this claim by itself."""
        found = [*self._identity_problems(), *self._proof_problems()]
        if self.status == Status.PARTLY_BUILT and not self.missing:
            found.append("'missing' should say what is not there yet, as the claim is partly built")
        if self.status != Status.PARTLY_BUILT and self.missing:
            found.append(f"'missing' belongs to partly built claims, this one is {self.status}")
        return [f"{self.id!r}: {problem}" for problem in found]

    def _identity_problems(self) -> list[str]:
        found = []
        if not ID.fullmatch(self.id):
            found.append("'id' should be lower-case words joined by hyphens")
        if self.status not in tuple(Status):
            found.append(f"'status' should be one of {', '.join(Status)}, got {self.status!r}")
        return found

    def _proof_problems(self) -> list[str]:
        if self.status not in CARRIED:
            return [
                f"{name!r} should be empty while the claim is {self.status}: empty it or change "
                "'status'"
                for name in ("resources", "tests")
                if getattr(self, name)
            ]
        found = [
            f"{name!r} should name at least one: name it or make the claim planned"
            for name in ("resources", "tests")
            if not getattr(self, name)
        ]
        return found + [
            f"'tests' should hold ids like tests/test_x.py::test_y, got {test!r}"
            for test in self.tests
            if test != TO_FILL and not NODE_ID.fullmatch(test)
        ]


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """All claims and all omitted sentences, in the order of their texts."""

    sources: tuple[Source, ...]
    claims: tuple[Claim, ...]
    omitted: tuple[Omitted, ...]

    @property
    def carried(self) -> tuple[Claim, ...]:
        """Return the claims that need a passing test."""
        return tuple(claim for claim in self.claims if claim.status in CARRIED)

    def words(self, source: str) -> list[str]:
        """Return one text's words, headings included, sorted: the order of the rows is free."""
        rows = [row for row in (*self.claims, *self.omitted) if row.source == source]
        texts = [*dict.fromkeys(row.section for row in rows), *(row.sentence for row in rows)]
        words = (word for text in texts for word in text.split())
        return sorted(word for word in words if not LIST_MARK.fullmatch(word))

    def problems(self) -> list[str]:
        """Yield what is wrong with the ledger: each claim, then the claims among each other."""
        rows = (*self.claims, *self.omitted)
        found = [problem for claim in self.claims for problem in claim.problems()]
        found += [
            f"{name!r}: {count} claims have this id, rename all but one"
            for name, count in Counter(claim.id for claim in self.claims).items()
            if count > 1
        ]
        found += [
            f"{sentence!r}: the sentence stands {count} times, keep one"
            for sentence, count in Counter(row.sentence for row in rows).items()
            if count > 1
        ]
        found += [
            f"{row.sentence!r}: 'source' should be one of {', '.join(SOURCES)}, got {row.source!r}"
            for row in rows
            if row.source not in SOURCES
        ]
        return found + [p for source in self.sources for p in self._coverage_problems(source)]

    def _coverage_problems(self, source: Source) -> list[str]:
        words = self.words(source.name)
        sha256 = digest(words)
        if (len(words), sha256) == (source.words, source.sha256):
            return []
        return [
            f"{source.name!r}: the rows hold {len(words)} words ({sha256}), the text {source.words}"
            f" ({source.sha256}): a sentence was lost or edited, put its exact words back"
        ]


def digest(words: list[str]) -> str:
    """Return the SHA-256 of the words, one a line."""
    return hashlib.sha256("\n".join(words).encode()).hexdigest()
