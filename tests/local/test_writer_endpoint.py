"""A cluster's writer is found among its endpoints, in whatever order they were written down."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from local import databases

NAMES = (
    "mainstay-small-entity-a.cluster-f48993b2.us-east-1.rds.amazonaws.com",
    "mainstay-small-entity-a.cluster-ro-f48993b2.us-east-1.rds.amazonaws.com",
    "mainstay-small-entity-b.cluster-11111111.us-east-1.rds.amazonaws.com",
)


@pytest.mark.parametrize("names", itertools.permutations(NAMES))
def test_the_writer_is_found_and_no_reader(tmp_path: Path, names: tuple[str, ...]):
    written = {"addresses": {name: f"127.0.0.{number}" for number, name in enumerate(names, 2)}}
    (tmp_path / databases.FILE).write_text(json.dumps(written))
    assert databases.writer_of(tmp_path, "entity-a") == NAMES[0]
    assert databases.writer_of(tmp_path, "entity-b") == NAMES[2]
    with pytest.raises(LookupError, match="the writer of 'transaction-a'"):
        databases.writer_of(tmp_path, "transaction-a")
