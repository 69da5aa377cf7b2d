"""Findings of the rules: dangers, which need an answer, and notes, which need only a look."""

from dataclasses import dataclass
from enum import StrEnum

# The resource of a danger that concerns a whole stack, in reports and acknowledgements alike.
WHOLE_STACK = "stack"


class DangerKind(StrEnum):
    """The four dangers, in the words of an acknowledgement."""

    REPLACEMENT = "replacement"
    STATEFUL = "stateful"
    IAM = "iam"
    SECURITY_GROUP = "security-group"


@dataclass(frozen=True, kw_only=True)
class Note:
    """A change worth a line in the report that never fails the diff."""

    stack: str
    resource: str
    path: str
    what: str


@dataclass(frozen=True, kw_only=True)
class Danger(Note):
    """A change that fails the diff until its author gives a reason; one per kind and resource."""

    kind: DangerKind
    items: tuple[str, ...] = ()
