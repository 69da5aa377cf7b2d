"""What holds for every target: 20,000 generated ones a run, the same in each.

MAINSTAY_EDGE_SEED=<number> looks at others.
"""

from __future__ import annotations

import os

import pytest

from tests.edge.invariants import lenient, violations

SEED = int(os.environ.get("MAINSTAY_EDGE_SEED", "20261125"))
COUNT = 20_000


def test_no_target_is_changed_misread_or_reflected(quiet_edge):
    assert violations(quiet_edge.port, SEED, COUNT) == []


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/admin/keys?x=/y", "/admin/keys"),
        ("/a/..;x/%61dmin", "/admin"),
        ("/..%2fadmin", "/admin"),
        ("/%5cadmin;a=b//keys", "/admin/keys"),
    ],
)
def test_the_lenient_server_of_the_invariants_is_lenient(target, path):
    assert lenient(target) == path
