"""The limits of a cluster's readers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ReaderLimits:
    """`max_readers` no more than there are in the template means no scaling."""

    max_readers: int
    cpu_target_percent: int
