"""The edge against the legacy chain and against a bare proxy, on one machine."""
