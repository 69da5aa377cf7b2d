"""The names of the halves of the app tier, in the order in which an upgrade meets them."""

from __future__ import annotations

# The half that serves old code until an upgrade's end, and the one that goes first.
STAYS, LEAVES = "blue", "green"
HALVES = (STAYS, LEAVES)
