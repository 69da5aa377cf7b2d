"""Estimates an environment's cost a month, from its templates and one dated list of prices."""
