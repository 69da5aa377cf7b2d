"""Fixtures of the template diff's tests."""

import json
from pathlib import Path

import pytest

from assembly.reader import read_stacks, with_nested
from review.template_diff.__main__ import main
from review.template_diff.changes import compare
from review.template_diff.dangers import find
from review.template_diff.pairs import pair

REASON = "The old name collides with the one the platform team reserved."


def write_assembly(directory: Path, templates: dict[str, dict]) -> None:
    """Write the templates, and the manifest that names them unless the test has written its own.

    A template `<name>.nested` is a nested stack's and no stack of the assembly.
    """
    directory.mkdir(exist_ok=True)
    for name, template in templates.items():
        (directory / f"{name}.template.json").write_text(json.dumps(template))
    manifest = directory / "manifest.json"
    if manifest.is_file() and "by_the_fixture" not in manifest.read_text():
        return
    artifacts = {
        name: {
            "type": "aws:cloudformation:stack",
            "properties": {"templateFile": f"{name}.template.json"},
        }
        for name in templates
        if not name.endswith(".nested")
    }
    manifest.write_text(json.dumps({"artifacts": artifacts, "by_the_fixture": True}))


@pytest.fixture(scope="session")
def judge(tmp_path_factory):
    """Finds the dangers and notes of many changes at once: the differ starts once for all.

    Takes {name: (resources before, resources after)}, returns {name: (dangers, notes)}.
    """

    def _judge(cases):
        directory = tmp_path_factory.mktemp("cases")
        sides = []
        for index, side in enumerate(("before", "after")):
            templates = {name: {"Resources": case[index]} for name, case in cases.items()}
            write_assembly(directory / side, templates)
            sides.append(tuple(with_nested(read_stacks(directory / side))))
        found = find(compare(pair(*sides)))
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
            templates = {
                name: resources if "Resources" in resources else {"Resources": resources}
                for name, resources in stacks.items()
            }
            write_assembly(self.directory / side, templates)
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
        """Diff a single resource X of a stack App; None where a side lacks it."""
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
