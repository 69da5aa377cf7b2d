"""Asks a person before something happens that cannot be taken back."""

from __future__ import annotations

import sys
from collections.abc import Callable


class NotConfirmedError(ValueError):
    """Nobody is there to ask, and nobody typed yes beforehand."""


def at_terminal(instead: str) -> Callable[[str], str]:
    """Return what asks at the terminal, or raises NotConfirmedError with `instead`."""

    def ask(question: str) -> str:
        if not sys.stdin.isatty():
            raise NotConfirmedError(f"nobody is at a terminal to confirm: {instead}")
        try:
            return input(question).strip()
        except EOFError:
            raise NotConfirmedError(f"nobody answers: {instead}") from None

    return ask


def confirmed(question: str, *, show: Callable[[], object], answer: Callable[[str], str]) -> bool:
    """Return whether the answer is yes; `d` shows what would change and asks again."""
    while True:
        typed = answer(f"{question} [y]es, [d]iff, [N]o: ").lower()
        if typed not in ("d", "diff"):
            return typed in ("y", "yes")
        show()
