"""Test doubles: what tests, benchmarks and the migration use in place of AWS parts and servers.

Nothing that is deployed imports this room, and it imports no other.
"""
