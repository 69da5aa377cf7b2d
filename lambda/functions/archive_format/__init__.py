"""Archive format v1: packs, segments and roots, read and written with the standard library alone.

docs/archive-format.md is its description. This package is also the restore tool that every
archive bucket carries, so nothing here imports more than Python brings.
"""
