"""Runs the states of an upgrade; each step may be run again, and is when its state retries."""
