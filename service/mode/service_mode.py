"""The mode that a process obeys now, known without waiting and from any thread."""

from __future__ import annotations

from dataclasses import dataclass, replace

from functions.control_table.mode import Mode, State
from functions.mode_follower.follower import UNREAD


@dataclass(frozen=True)
class _Known:
    table: State | None = None  # None until the table was obeyed, or given up for now
    stale: bool = False
    lost_at_epoch: int | None = None  # the writer was gone while this epoch was obeyed


class ServiceMode:
    """READ_ONLY until the control table says otherwise; every change replaces all that is known."""

    def __init__(self) -> None:
        self._known = _Known()

    def obey(self, state: State) -> None:
        """Obey the control table. A newer READ_WRITE ends what `lose_writer` began."""
        known = self._known
        lost = known.lost_at_epoch
        if lost is not None and state.mode is Mode.READ_WRITE and state.epoch > lost:
            lost = None
        self._known = replace(known, table=state, stale=False, lost_at_epoch=lost)

    def set_stale(self, stale: bool) -> None:
        """Set whether the table was unreadable for too long: no writes until it is read."""
        if self._known.stale != stale:
            self._known = replace(self._known, stale=stale)

    def lose_writer(self) -> None:
        """Enter READ_ONLY: no server takes writes."""
        if self._known.lost_at_epoch is None:
            self._known = replace(self._known, lost_at_epoch=self.epoch)

    def find_writer(self) -> None:
        """End what `lose_writer` began: a server takes writes again. The table's mode stands."""
        self._known = replace(self._known, lost_at_epoch=None)

    @property
    def has_lost_writer(self) -> bool:
        return self._known.lost_at_epoch is not None

    @property
    def is_known(self) -> bool:
        """Whether the table was read, or was given up for now: the process may serve."""
        return self._known.table is not None

    @property
    def epoch(self) -> int:
        return self._known.table.epoch if self._known.table else 0

    @property
    def state(self) -> State:
        """What is obeyed, its epoch the table's."""
        known = self._known
        table = known.table or UNREAD
        if table.mode is Mode.READ_ONLY:
            return table
        if known.lost_at_epoch is not None:
            return _entered(table, "no server of the entity store takes writes")
        if known.stale:
            return _entered(table, "the control table is not readable")
        return table

    @property
    def read_only(self) -> bool:
        known = self._known
        return (
            known.table is None
            or known.table.mode is Mode.READ_ONLY
            or known.stale
            or known.lost_at_epoch is not None
        )


def _entered(table: State, reason: str) -> State:
    return replace(table, mode=Mode.READ_ONLY, reason=reason, by="this task")
