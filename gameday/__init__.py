"""Drills: what goes wrong, done on purpose, on one machine with everything real that can be."""
