"""What a dump or a load ends in when it must not go on."""

from __future__ import annotations


class DumpError(Exception):
    """Says what is wrong, and what mends it."""
