"""Portable dumps of a PostgreSQL store: taken from a replica, restored anywhere, and proven there.

An image of its own, for it carries PostgreSQL's programs, which the service's does not.
"""
