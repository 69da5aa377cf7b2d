"""What each deployed function ships: enough to start alone, and nothing of other functions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

RUNTIME = "python3.14"


@pytest.fixture(scope="session")
def shipped(production) -> dict[str, Path]:
    """Return the asset's folder of every handler of ours in the templates."""
    return {
        function["Handler"]: production.directory / f"asset.{Path(function['Code']['S3Key']).stem}"
        for stack in production.stacks.values()
        for function in stack.of_type("AWS::Lambda::Function").values()
        if function["Runtime"] == RUNTIME and function["Handler"].startswith("functions.")
    }


def test_every_handler_starts_from_its_asset_alone(shipped):
    assert len(shipped) > 10
    # Below Python 3.14 the archive's zstd comes from a package of this environment.
    installed = [path for path in sys.path if path.endswith("site-packages")]
    for handler, folder in shipped.items():
        module, _, name = handler.rpartition(".")
        code = f"import sys; sys.path[:0] = {[str(folder), *installed]!r}\n"
        code += f"import {module} as handler; assert callable(handler.{name}), '{handler}'\n"
        # -S: no `.pth` of this environment brings the repository's own folder.
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-B", "-c", code],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{handler}: {done.stderr}"


def test_a_function_ships_its_package_what_that_imports_and_no_other(shipped):
    held = {
        handler: {path.name for path in (folder / "functions").iterdir() if path.is_dir()}
        for handler, folder in shipped.items()
    }
    assert held["functions.snapshot_job.handler.take"] == {"snapshot_job"}
    assert held["functions.upgrade.handler.handler"] == {
        *("upgrade", "control_table", "ended_task", "reader_parity", "sequential_test")
    }
    assert held["functions.archive_job.handler.work"] == {
        *("archive_job", "archive_format", "block_archive")
    }
    for handler, packages in held.items():
        assert handler.split(".")[1] in packages
