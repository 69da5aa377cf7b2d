"""The delivery workflows name the Regions and environments that the configuration has."""

from __future__ import annotations

import re
from pathlib import Path

from config.environments import ENVIRONMENTS, PRODUCTION, SMALL
from mainstay.delivery.github_deployer import LONGEST_SESSION

WORKFLOWS = Path(__file__).parent.parent / ".github" / "workflows"


def waves() -> list[tuple[str, str, str]]:
    """Environment, stacks and Region of each wave, in the order they run."""
    text = (WORKFLOWS / "deploy.yml").read_text()
    pattern = r'with: \{ environment: ([\w-]+), stacks: "([^"]+)", region: ([\w-]+) \}'
    return re.findall(pattern, text)


def test_deploys_preproduction_then_the_standby_then_the_primary():
    assert PRODUCTION.standby is not None
    assert waves() == [
        (SMALL.name, "**", SMALL.primary.name),
        (PRODUCTION.name, f"{PRODUCTION.standby.name}/*", PRODUCTION.standby.name),
        (PRODUCTION.name, "**", PRODUCTION.primary.name),
    ]


def test_each_wave_waits_for_the_one_before():
    text = (WORKFLOWS / "deploy.yml").read_text()
    assert re.findall(r"needs: (\S+)", text) == ["check", "preproduction", "production-standby"]


def test_stores_no_key_and_asks_for_an_identity_token():
    wave = (WORKFLOWS / "wave.yml").read_text()
    assert "id-token: write" in wave
    assert "role-to-assume: ${{ vars.DEPLOYER_ROLE }}" in wave
    for workflow in WORKFLOWS.iterdir():
        assert "secrets." not in workflow.read_text()


def test_a_session_lasts_as_long_as_the_job_and_the_account_is_checked_first():
    wave = (WORKFLOWS / "wave.yml").read_text()
    seconds = int(re.findall(r"role-duration-seconds: (\d+)", wave)[0])
    minutes = int(re.findall(r"timeout-minutes: (\d+)", wave)[0])
    assert minutes * 60 <= seconds <= LONGEST_SESSION.to_seconds()
    assert wave.index(".ci/preflight") < wave.index("cdk deploy")


def test_the_trusted_subject_is_the_environments_name():
    wave = (WORKFLOWS / "wave.yml").read_text()
    assert "environment: ${{ inputs.environment }}" in wave
    assert {environment for environment, _, _ in waves()} <= set(ENVIRONMENTS)


def test_reviews_the_environments_that_are_deployed():
    review = (WORKFLOWS / "review.yml").read_text()
    assert "environment: [production, small]" in review
    assert 'review.template_diff --base "$BASE" --environment "$ENVIRONMENT"' in review


def test_checks_the_oldest_versions_that_are_promised_and_newer_ones():
    root = WORKFLOWS.parents[1]
    review = (WORKFLOWS / "review.yml").read_text()
    checked = re.findall(r'\{ python: "3\.(\d+)", node: "(\d+)" \}', review)
    pythons, nodes = (
        [int(version) for version in versions] for versions in zip(*checked, strict=True)
    )
    [python] = re.findall(
        r'^requires-python = ">=3\.(\d+)"', (root / "pyproject.toml").read_text(), re.M
    )
    [node] = re.findall(r"Node (\d+) or newer is needed", (root / "Makefile").read_text())
    assert (min(pythons), min(nodes)) == (int(python), int(node))
    assert {13, 14} <= set(pythons)
    assert {22, 24} <= set(nodes)
