"""The command line without a Region says what is missing, and does not trace its way there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(("region", "code"), [({}, 2), ({"AWS_REGION": "us-east-1"}, 1)])
def test_a_region_is_asked_for_before_anything_else(region: dict[str, str], code: int):
    """With one, the next thing that is missing is a node."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_") and not name.endswith(("_HOST", "_READERS"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "service.operations", "versions"],
        cwd=_ROOT,
        env=kept | {"AWS_CONFIG_FILE": os.devnull} | region,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (code, "")
    reason = json.loads(done.stdout)["reason"]
    assert reason.startswith("no node" if region else "'AWS_REGION' should be set")
