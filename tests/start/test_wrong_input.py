"""A wrong environment file at the real doors: `python app.py` and the CDK CLI.

What the file is refused for is tried in tests/config, value by value; each start here loads the CDK
and costs seconds.
"""

from __future__ import annotations

import pytest

ENVIRONMENTS = "config/environments.py"


@pytest.fixture(scope="module")
def clone(clone_of_repository):
    """A clone with two mistakes in two environments, neither of them the one that is started."""
    clone = clone_of_repository()
    clone.edit(ENVIRONMENTS, "peak_tasks=8", "peak_tasks=0")
    clone.edit(ENVIRONMENTS, 'domain="dev.id.example.com"', 'domain="dev"')
    return clone


def test_refuses_an_unknown_environment(clone_of_repository):
    clone = clone_of_repository()
    started = clone.start(environment="prodction")
    assert started.exit_code == 1, started.output
    assert (
        "'environment' should be one of production, small, dev, got 'prodction'" in started.output
    )
    assert "Traceback" not in started.output
    assert not list(clone.assembly.glob("*.template.json")), "a stack was made all the same"


def test_reports_wrong_environments_of_the_whole_file_at_once(clone):
    started = clone.start(environment="small")
    assert started.exit_code == 1, started.output
    assert "2 problems in the environment file:" in started.output
    assert "'production.app.peak_tasks' should be at least 1, got 0" in started.output
    assert "'dev.domain'" in started.output
    assert "Traceback" not in started.output
    assert not list(clone.assembly.glob("*.template.json")), "a stack was made all the same"


def test_the_cdk_cli_shows_the_same_words(clone):
    started = clone.cdk("synth", "--quiet")
    assert started.exit_code != 0
    assert "'production.app.peak_tasks' should be at least 1, got 0" in started.output
    assert "Traceback" not in started.output


def test_a_folder_that_cannot_be_written_is_one_line(clone_of_repository):
    clone = clone_of_repository()
    started = clone.start(environment="dev", CDK_OUTDIR="/dev/null/out")
    assert started.exit_code == 1, started.output
    line = "nothing was synthesized: ENOTDIR: not a directory, mkdir '/dev/null/out'"
    assert started.output.splitlines()[-1] == line
    assert "Traceback" not in started.output
