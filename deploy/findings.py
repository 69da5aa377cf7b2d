"""Findings of the checks before a deploy: problems, each with its fix, and checks not made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from deploy.clients import AWS_ERRORS, meaning
from review.deploy_page import WIDTH, wrap


@dataclass(frozen=True, kw_only=True)
class CheckProblem:
    """Something that would make the deploy fail or go astray."""

    what: str
    fix: str


@dataclass(frozen=True, kw_only=True)
class Unmade:
    """A check that could not be made; nothing is known about what it would have found."""

    check: str
    why: str


@dataclass(frozen=True, kw_only=True)
class CheckFindings:
    """The outcome of many checks."""

    made: tuple[str, ...] = ()
    problems: tuple[CheckProblem, ...] = ()
    unmade: tuple[Unmade, ...] = ()

    def __add__(self, other: CheckFindings) -> CheckFindings:
        return CheckFindings(
            made=self.made + other.made,
            problems=self.problems + other.problems,
            unmade=self.unmade + other.unmade,
        )

    def render(self) -> list[str]:
        """Return the lines for people: problems first, each fix in one line that can be copied."""
        lines = []
        for problem in self.problems:
            lines += [*wrap(problem.what, WIDTH, "- ", "  "), f"  fix: {problem.fix}"]
        for why in dict.fromkeys(unmade.why for unmade in self.unmade):
            named = dict.fromkeys(one.check for one in self.unmade if one.why == why)
            lines += wrap(f"not checked: {', '.join(named)}: {why}", WIDTH, "", "  ")
        if self.made:
            lines += wrap(f"checked: {', '.join(self.made)}", WIDTH, "", "  ")
        return lines


Check = Callable[[], Iterable[CheckProblem | Unmade]]


def make(checks: Sequence[tuple[str, Check]]) -> CheckFindings:
    """Make every check, whatever the others find; one that AWS does not answer is unmade."""
    found = CheckFindings()
    for name, check in checks:
        try:
            answers = tuple(check())
        except AWS_ERRORS as error:
            answers = (Unmade(check=name, why=meaning(error)),)
        unmade = tuple(answer for answer in answers if isinstance(answer, Unmade))
        found += CheckFindings(
            made=() if unmade else (name,),
            problems=tuple(answer for answer in answers if isinstance(answer, CheckProblem)),
            unmade=unmade,
        )
    return found


def unmade(names: Iterable[str], why: str) -> CheckFindings:
    """Return checks that are not even tried."""
    return CheckFindings(unmade=tuple(Unmade(check=name, why=why) for name in names))
