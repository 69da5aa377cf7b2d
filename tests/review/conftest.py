"""Fixtures of the template diff's tests."""

import json
from pathlib import Path

import pytest

from review.template_diff.__main__ import main
from review.template_diff.assemblies import pair, read_assembly
from review.template_diff.changes import compare
from review.template_diff.dangers import find

REASON = "The old name collides with the one the platform team reserved."


@pytest.fixture(scope="session")
def judge(tmp_path_factory):
    """Finds the dangers and notes of many changes at once: the differ starts once for all.

    Takes {name: (resources before, resources after)}, returns {name: (dangers, notes)}.
    """

    def _judge(cases):
        directory = tmp_path_factory.mktemp("cases")
        for index, side in enumerate(("before", "after")):
            (directory / side).mkdir()
            for name, sides in cases.items():
                file = directory / side / f"{name}.template.json"
                file.write_text(json.dumps({"Resources": sides[index]}))
        found = find(
            compare(pair(read_assembly(directory / "before"), read_assembly(directory / "after")))
        )
        return {
            name: (
                [danger for danger in found.dangers if danger.stack == name],
                [note for note in (*found.notes, *found.owned) if note.stack == name],
            )
            for name in cases
        }

    return _judge


class Diff:
    """Runs the command on two sides given as stacks of resources."""

    def __init__(self, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.directory = directory
        self.capsys = capsys

    def __call__(self, before, after, *arguments):
        for side, stacks in (("before", before), ("after", after)):
            (self.directory / side).mkdir(exist_ok=True)
            for name, resources in stacks.items():
                template = resources if "Resources" in resources else {"Resources": resources}
                file = self.directory / side / f"{name}.template.json"
                file.write_text(json.dumps(template))
        sides = [
            "--before",
            str(self.directory / "before"),
            "--after",
            str(self.directory / "after"),
        ]
        code = main([*sides, *arguments])
        captured = self.capsys.readouterr()
        self.error = captured.err
        return code, captured.out

    def one(self, before, after, *arguments):
        """The same for a single resource X of a stack App; None where a side lacks it."""
        sides = ({"App": {} if side is None else {"X": side}} for side in (before, after))
        return self(*sides, *arguments)


@pytest.fixture
def diff(tmp_path, capsys):
    return Diff(tmp_path, capsys)


@pytest.fixture
def acknowledge(tmp_path):
    """Writes an acknowledgement file with one entry, by default for X of App, and returns it."""

    def _acknowledge(name="acknowledged.toml", **changed):
        entry = {"stack": "App", "resource": "X", "danger": "stateful", "reason": REASON}
        lines = [f"{key} = {json.dumps(value)}" for key, value in (entry | changed).items()]
        (tmp_path / name).write_text("\n".join(["[[change]]", *lines, ""]))
        return str(tmp_path / name)

    return _acknowledge
