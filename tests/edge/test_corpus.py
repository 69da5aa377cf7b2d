"""The whole corpus against the shipped configuration, as `make edge` serves it."""

from __future__ import annotations

import pytest

from tests.edge.corpus import differences, rows

ROWS = rows()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_over_http_1_1(plain_edge, upstream, row):
    assert differences(row, plain_edge.address, upstream) == []


def test_the_corpus_is_whole():
    assert len(ROWS) == 233
    assert len({row.id for row in ROWS}) == 233
