"""Follows the mode of its Region: polls the control table, obeys, and acknowledges.

As a program (`python -m mode_follower`) it stands beside nginx in each edge task and writes the
flag file; as a module it tells a server of its own.
"""
