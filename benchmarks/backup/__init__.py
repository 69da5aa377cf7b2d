"""Measures an archive and a restore in processor time, memory, requests and bytes."""
