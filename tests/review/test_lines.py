"""Lines of code are counted by one rule at both commits, wherever a file stands."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from review.lines import lines_by_room, lines_of_code, main

SOURCE = '''"""A module's docstring,
of two lines."""

# A comment.
NAMES = (  # counts, with a comment behind it
    "one",
)


class Thing:
    """A docstring."""

    def name(self) -> str:
        """A docstring
        of three

        lines."""
        return """text
        that is code"""
'''


def _git(repository: Path, *arguments: str) -> None:
    who = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    subprocess.run(["git", *who, *arguments], cwd=repository, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A double of 7 lines in tests/ at `before`, in a room of its own at HEAD."""
    _git(tmp_path, "init", "--quiet")
    for name in ("app.py", "tests/fakes/fake.py", "tests/test_it.py", "tests/conftest.py"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("LIMIT = 1\n" if name == "app.py" else SOURCE)
    (tmp_path / "notes.md").write_text("no code\n")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "--quiet", "--message", "one")
    _git(tmp_path, "tag", "before")
    (tmp_path / "doubles").mkdir()
    (tmp_path / "tests/fakes/fake.py").rename(tmp_path / "doubles/fake.py")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "--quiet", "--message", "two")
    return tmp_path


def test_blank_lines_comments_and_docstrings_are_no_code():
    assert lines_of_code(SOURCE) == 7


def test_a_string_that_is_used_is_code():
    assert lines_of_code('text = """one\n\nthree"""\n') == 3


def test_a_double_counts_wherever_it_stands_and_a_test_nowhere(repository):
    assert lines_by_room(repository, "before") == {".": 1, "tests": 7}
    assert lines_by_room(repository, "HEAD") == {".": 1, "doubles": 7}


def test_both_commits_stand_side_by_side_with_their_difference(repository, capsys):
    assert main(["--base", "before"], repository) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["room", "base", "head", "difference"],
        [".", "1", "1", "+0"],
        ["doubles", "0", "7", "+7"],
        ["tests", "7", "0", "-7"],
        ["all", "8", "8", "+0"],
    ]


def test_fails_on_a_commit_that_is_none(repository, capsys):
    assert main(["--base", "nonsense"], repository) == 1
    assert "'nonsense' should be a commit" in capsys.readouterr().err
