"""Backups: where they lie, what makes them, and what proves that they can be restored."""
