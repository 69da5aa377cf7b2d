"""Runs the bootstrap of a Region's stores before anything that serves is started."""
