"""The differences between the two chains that were decided, each with its reason."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .counting import FAILED, UNUSUAL, Cell

FILE = Path(__file__).parent / "accepted.toml"
_OUTCOME = re.compile(r"app|closed|silent|other|spelling|[1-5]\d\d|[1-5]xx")
_REASON_MIN = 40  # characters: fewer persuade nobody


@dataclass(frozen=True, kw_only=True)
class Difference:
    """For requests of one shape: what the legacy chain did, what the new one does, and why.

    An outcome is "app" (the request reached the app), a status that the chain itself answered,
    such as 400 or 4xx, "closed" or "silent" (the connection ended, or did not, without an answer).
    Where both reach the app, the new chain's is "spelling" (the same target, with other characters
    escaped) or "other" (another target, another method, or another answer to the client).
    """

    shape: str
    legacy: str
    new: str
    reason: str

    def __post_init__(self) -> None:
        for name in ("legacy", "new"):
            outcome = getattr(self, name)
            if not _OUTCOME.fullmatch(outcome):
                raise ValueError(
                    f"'{name}' of accepted shape '{self.shape}' should be app, closed, silent, "
                    f"other, spelling or a status such as 400 or 4xx, got '{outcome}'"
                )
        if len(self.reason) < _REASON_MIN:
            raise ValueError(
                f"'reason' of accepted shape '{self.shape}' should be a full sentence, "
                f"got '{self.reason}'"
            )

    def covers(self, shape: str, legacy: str, new: str) -> bool:
        """Return whether this is about that difference."""
        return shape == self.shape and _fits(legacy, self.legacy) and _fits(new, self.new)


@dataclass(frozen=True)
class Accepted:
    """The whole list."""

    differences: Sequence[Difference]

    def covering(self, shape: str, legacy: str, new: str) -> Difference | None:
        """Return the first entry that covers a difference, or None where it is not accepted."""
        for difference in self.differences:
            if difference.covers(shape, legacy, new):
                return difference
        return None

    def covers(self, cell: Cell) -> bool:
        """Return whether the new chain may give this class of answers to this shape more often.

        True where the list says that it answers the shape by itself with such a status, or that
        the app sees another request than before. A failure, 5xx, is accepted for no shape.
        """
        shape = "method" if cell.kind.method == UNUSUAL else cell.kind.shape
        return cell.status_class != FAILED and any(
            difference.shape == shape
            and (difference.new in ("app", "other") or difference.new[0] == cell.status_class)
            for difference in self.differences
        )


def load(file: Path = FILE) -> Accepted:
    """Return the list of a file.

    Raises ValueError that names the entry, the value and the range.
    """
    entries = tomllib.loads(file.read_text())["accepted"]
    return Accepted(tuple(Difference(**entry) for entry in entries))


def _fits(outcome: str, pattern: str) -> bool:
    return outcome == pattern or (pattern.endswith("xx") and outcome[:1] == pattern[0])
