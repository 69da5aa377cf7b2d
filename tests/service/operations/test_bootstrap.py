"""The first start of a store: from nothing, once, and never again."""

from __future__ import annotations


def test_what_is_written_on_a_arrives_on_b(masters):
    masters.arrives("entity-b", masters.add_tenant("entity-a"))
