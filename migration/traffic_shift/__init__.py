"""Moves traffic from the legacy edge to the new one by the percent, and back by itself."""
