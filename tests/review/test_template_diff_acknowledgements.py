"""Which acknowledgements answer a danger of the template diff, and which files it refuses."""

import pytest

TABLE = {"Type": "AWS::DynamoDB::Table"}


def test_passes_an_acknowledged_danger(diff, acknowledge):
    table = TABLE | {"Metadata": {"aws:cdk:path": "App/Ledger/Resource"}}
    entry = acknowledge(resource="App/Ledger/Resource")
    code, out = diff.one(table, None, "--acknowledged", entry)
    assert code == 0
    assert out.startswith("**1 dangerous change, all acknowledged; 1 stack differs.**")
    assert "Acknowledged: The old name collides" in out


def test_fails_on_an_acknowledgement_of_another_danger(diff, acknowledge):
    entry = acknowledge(danger="replacement")
    code, out = diff.one(TABLE, None, "--acknowledged", entry)
    assert code == 1
    assert "`X` (replacement) answers no danger of this change: remove it" in out


def test_fails_on_an_acknowledgement_that_the_base_already_has(diff, acknowledge):
    entry, old = acknowledge(), acknowledge("old.toml")
    code, out = diff.one(TABLE, None, "--acknowledged", entry, "--acknowledged-before", old)
    assert code == 1
    assert "answered an earlier change: give a new reason" in out


def test_notes_a_stale_acknowledgement(diff, acknowledge):
    topic = {"Type": "AWS::SNS::Topic"}
    code, out = diff.one(topic, topic, "--acknowledged", acknowledge())
    assert code == 0
    assert "the entry for App, `X` (stateful) answers no danger of this change: remove it" in out


@pytest.mark.parametrize(
    ("changed", "printed"),
    [
        ({"reason": "because"}, "'reason' should be a full sentence of at least 20 characters"),
        ({"danger": "scary"}, "'danger' should be one of replacement, stateful, iam"),
        ({"stack": 1}, "'stack' should be text, got 1"),
        ({"ticket": "none"}, "should have exactly stack, resource, danger, reason"),
    ],
)
def test_refuses_a_bad_acknowledgement(diff, acknowledge, changed, printed):
    code, out = diff.one(None, None, "--acknowledged", acknowledge(**changed))
    assert (code, out) == (2, "")
    assert printed in diff.error
    assert "entry 1" in diff.error


def test_refuses_broken_toml(diff, tmp_path):
    (tmp_path / "bad.toml").write_text("[[change")
    code, _ = diff.one(None, None, "--acknowledged", str(tmp_path / "bad.toml"))
    assert code == 2
    assert "should be TOML" in diff.error
