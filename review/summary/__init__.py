"""Sums an environment up on one page, with which a synth ends."""
