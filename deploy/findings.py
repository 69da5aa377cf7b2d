"""What the checks before a deploy find: problems, each with its fix, and what nobody could see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from deploy.clients import AWS_ERRORS, meaning
from review.deploy_page import WIDTH, wrap


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something that would make the deploy fail or go astray."""

    what: str
    fix: str


@dataclass(frozen=True, kw_only=True)
class Unmade:
    """A check that could not be made; that says nothing about what it would have found."""

    check: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Findings:
    """The outcome of many checks."""

    made: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    unmade: tuple[Unmade, ...] = ()

    def __add__(self, other: Findings) -> Findings:
        return Findings(
            made=self.made + other.made,
            problems=self.problems + other.problems,
            unmade=self.unmade + other.unmade,
        )

    def render(self) -> list[str]:
        """For people: problems first; a fix stays one line, so that it can be copied."""
        lines = []
        for problem in self.problems:
            lines += [*wrap(problem.what, WIDTH, "- ", "  "), f"  fix: {problem.fix}"]
        for why in dict.fromkeys(unmade.why for unmade in self.unmade):
            named = dict.fromkeys(one.check for one in self.unmade if one.why == why)
            lines += wrap(f"not checked: {', '.join(named)}: {why}", WIDTH, "", "  ")
        if self.made:
            lines += wrap(f"checked: {', '.join(self.made)}", WIDTH, "", "  ")
        return lines


Check = Callable[[], Iterable[Problem | Unmade]]


def make(checks: Sequence[tuple[str, Check]]) -> Findings:
    """Make every check, whatever the others find; one that AWS does not answer is unmade."""
    found = Findings()
    for name, check in checks:
        try:
            answers = tuple(check())
        except AWS_ERRORS as error:
            answers = (Unmade(check=name, why=meaning(error)),)
        unmade = tuple(answer for answer in answers if isinstance(answer, Unmade))
        found += Findings(
            made=() if unmade else (name,),
            problems=tuple(answer for answer in answers if isinstance(answer, Problem)),
            unmade=unmade,
        )
    return found


def unmade(names: Iterable[str], why: str) -> Findings:
    """Checks that are not even tried."""
    return Findings(unmade=tuple(Unmade(check=name, why=why) for name in names))
