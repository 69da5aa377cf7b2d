"""Read-only mode: the one item that every layer of a Region obeys."""
