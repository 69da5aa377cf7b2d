"""The template diff: what a change does to each stack, and which of it a reviewer must answer."""
