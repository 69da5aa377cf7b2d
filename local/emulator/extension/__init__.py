"""What mainstay's templates need and the emulator lacks, added to it in its own process."""

from __future__ import annotations


def install() -> None:
    """Add the missing resource types and properties. Called once, before the emulator serves."""
