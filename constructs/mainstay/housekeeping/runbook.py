"""Where every alarm of housekeeping sends its reader."""

from __future__ import annotations

RUNBOOK = "docs/runbooks/housekeeping.md"
