"""The reasons an author gives for dangerous changes, and which of them count."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from review.template_diff.findings import Danger, DangerKind

FILE = "review/acknowledged.toml"

# Characters. Shorter than this, a reason is a shrug ("needed for the upgrade" has 22).
SHORTEST_REASON = 20

_FIELDS = ("stack", "resource", "danger", "reason")


@dataclass(frozen=True, kw_only=True)
class DangerAcknowledgement:
    """One reason for one danger; `resource` is a logical id, a construct path, or "stack"."""

    stack: str
    resource: str
    danger: str
    reason: str

    def answers(self, danger: Danger) -> bool:
        same_place = self.resource in (danger.resource, danger.path)
        return same_place and (self.stack, self.danger) == (danger.stack, danger.kind)


@dataclass(frozen=True, kw_only=True)
class DangerAnswer:
    """A danger with its reason, if one counts; `spent` if one was given for an earlier change."""

    danger: Danger
    reason: str | None
    spent: bool = False


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Every danger with its answer, and the entries that answer none."""

    answers: tuple[DangerAnswer, ...]
    stale: tuple[DangerAcknowledgement, ...] = ()

    @property
    def unanswered(self) -> tuple[Danger, ...]:
        return tuple(answer.danger for answer in self.answers if answer.reason is None)


def read(file: Path | None) -> tuple[DangerAcknowledgement, ...]:
    """Return the entries of an acknowledgement file; none where there is no file."""
    if file is None or not file.is_file():
        return ()
    try:
        entries = tomllib.loads(file.read_text(encoding="utf-8")).get("change", [])
    except ValueError as error:
        raise ValueError(f"{file} should be TOML: {error}") from None
    if not isinstance(entries, list):
        raise ValueError(f"{file}: write each entry under [[change]], in double brackets")
    return tuple(
        _parsed(entry, f"{file}, entry {number}") for number, entry in enumerate(entries, start=1)
    )


def read_before(file: Path | None) -> tuple[DangerAcknowledgement, ...]:
    """Return the base's entries; none where it cannot parse them, which answers nothing either."""
    try:
        return read(file)
    except ValueError:
        return ()


def answer(
    dangers: Iterable[Danger],
    entries: Iterable[DangerAcknowledgement],
    before: Iterable[DangerAcknowledgement] = (),
) -> Answers:
    """Match dangers and entries. An entry that the base has answered an earlier change: spent."""
    entries, before, dangers = tuple(entries), frozenset(before), tuple(dangers)
    fresh = [entry for entry in entries if entry not in before]
    answers = tuple(
        DangerAnswer(
            danger=danger,
            reason=next((entry.reason for entry in fresh if entry.answers(danger)), None),
            spent=any(entry.answers(danger) for entry in before),
        )
        for danger in dangers
    )
    stale = [
        entry
        for entry in entries
        if entry in before or not any(entry.answers(danger) for danger in dangers)
    ]
    return Answers(answers=answers, stale=tuple(stale))


def _parsed(entry: object, where: str) -> DangerAcknowledgement:
    if not isinstance(entry, dict) or set(entry) != set(_FIELDS):
        has = ", ".join(sorted(entry)) if isinstance(entry, dict) else "no table"
        raise ValueError(f"{where}: should have exactly {', '.join(_FIELDS)}; has {has}")
    for name in _FIELDS:
        if not isinstance(entry[name], str) or not entry[name].strip():
            raise ValueError(f"{where}: '{name}' should be text, got {entry[name]!r}")
    of = f"{where} ({entry['stack']}, {entry['resource']})"
    if entry["danger"] not in tuple(DangerKind):
        raise ValueError(
            f"{of}: 'danger' should be one of {', '.join(DangerKind)}, got '{entry['danger']}'"
        )
    reason = " ".join(entry["reason"].split())
    if len(reason) < SHORTEST_REASON:
        raise ValueError(
            f"{of}: 'reason' should be a full sentence of at least {SHORTEST_REASON} characters "
            f"on why this is safe or wanted, got '{reason}'"
        )
    return DangerAcknowledgement(
        stack=entry["stack"], resource=entry["resource"], danger=entry["danger"], reason=reason
    )
