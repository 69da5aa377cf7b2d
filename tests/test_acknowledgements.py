"""Findings that are accepted: each on one construct, by its exact id, with a reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

import pytest

PACKS = ("AwsSolutions-", "NIST.800.53.R5-", "Mainstay::")
# Findings of these rules carry what they found in brackets; without it all are accepted at once.
RULES_WITH_FINDINGS = ("AwsSolutions-IAM4", "AwsSolutions-IAM5")
# What the CDK itself accepts: CloudFormation's schema of this property has the wrong case.
BY_THE_CDK = {"CloudFormation-Validate::F3002", "CloudFormation-Validate::F3003"}


class Acknowledgement(NamedTuple):
    path: str
    rule: str
    reason: str


def acknowledgements(assembly) -> Iterator[Acknowledgement]:
    for file in assembly.directory.glob("*.metadata.json"):
        for path, entries in json.loads(file.read_text()).items():
            for entry in entries:
                if entry["type"] == "aws:cdk:acknowledged-rules":
                    for rule, reason in entry["data"].items():
                        if rule not in BY_THE_CDK:
                            yield Acknowledgement(path, rule.removeprefix("Annotation::"), reason)


@pytest.fixture(scope="session")
def accepted(assembly) -> list[Acknowledgement]:
    found = list(acknowledgements(assembly))
    assert found, "no acknowledgement was read: has the format of the metadata changed?"
    return found


def test_no_finding_is_accepted_for_a_whole_stack(accepted, assembly):
    stacks = {
        f"/{artifact['displayName']}"
        for artifact in assembly.manifest["artifacts"].values()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    stacks |= {"", "/"}
    assert [item for item in accepted if item.path.partition(" (")[0] in stacks] == []


def test_every_accepted_finding_has_a_sentence_for_a_reason(accepted):
    for item in accepted:
        assert len(item.reason) >= 60, item
        assert item.reason.endswith("."), item
        assert "false positive" not in item.reason.lower(), item


def test_every_accepted_finding_is_one_rule_of_a_pack(accepted):
    for item in accepted:
        assert item.rule.startswith(PACKS), item
        assert item.rule.partition("[")[0].count("*") == 0, item


def test_an_accepted_permission_is_named_exactly(accepted):
    for item in accepted:
        if item.rule.startswith(RULES_WITH_FINDINGS):
            assert item.rule.endswith("]"), item
