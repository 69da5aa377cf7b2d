"""Draws docs/architecture.svg from a synthesized environment: what stands in which zone."""
