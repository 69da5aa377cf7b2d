"""Every page has the one form, and every command of it is run or declared."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest

from cli.main import mainstay
from service.operations.command import parser
from tests.runbooks.pages import (
    FOLDER,
    INDEX,
    ROOT,
    SECTIONS,
    RunbookPage,
    every_page,
    listed_values,
)

REVIEWED: dict[str, dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("reviewed.toml").read_text()
)
LINES_MAX, COMMANDS_MAX = 60, 10
_RUN = re.compile(r'(?:run_page\(|_begun\(run_page, )"([a-z-]+)"')
_NAMED = re.compile(r"docs/runbooks/([a-z-]+)\.md")
PAGES = [each for each in every_page() if each.name not in REVIEWED["other-form"]]
pages = pytest.mark.parametrize("page", PAGES, ids=lambda each: each.name)


@pages
def test_a_page_has_the_one_form(page: RunbookPage):
    assert tuple(each for each in page.sections if each in SECTIONS) == SECTIONS
    lines = page.text.splitlines()
    assert len(lines) <= LINES_MAX
    assert lines[0].startswith("# ")


@pages
def test_a_page_has_a_command_and_every_named_value_is_explained(page: RunbookPage):
    assert 1 <= len(page.commands) <= COMMANDS_MAX
    assert page.values <= listed_values(), "explain it in the index"


def test_no_value_is_explained_that_no_page_has():
    used = {value for page in every_page() for value in page.values}
    assert listed_values() <= used | {"environment"}


@pages
def test_every_command_of_ours_is_one(page: RunbookPage):
    """In prose and in blocks: the CLI knows group and command, the parser an operation."""
    for words in re.findall(r"(?:^|`)mainstay ([a-z].*?)(?:`|$)", page.text, re.MULTILINE):
        options = re.sub(r" --region <\w+>", "", words)
        _find(mainstay, re.sub(r"[^a-z -].*", "", options).split())


def _find(group: click.Command, words: list[str]) -> None:
    assert isinstance(group, click.Group)
    context = click.Context(group)
    name, *rest = words
    found = group.get_command(context, name)
    assert found is not None, f"no command `{name}`"
    if isinstance(found, click.Group) and rest:
        inner = found.get_command(context, rest[0])
        assert inner is not None, f"no command `{name} {rest[0]}`"
    elif name == "database" and rest:
        operations = next(a for a in parser()._actions if a.dest == "name").choices
        assert rest[0] in (operations or ()), f"no operation `{rest[0]}`"


def test_every_page_is_run_by_a_test_or_declared():
    sources = [path.read_text() for path in Path(__file__).parent.glob("test_*.py")]
    run = {name for text in sources for name in _RUN.findall(text)}
    declared = {*REVIEWED["elsewhere"], *REVIEWED["only-aws"]}
    assert run & declared == set(), "a page that is run needs no reason"
    assert {each.name for each in every_page()} == run | declared


def test_every_declaration_has_a_reason_and_its_tests_there():
    for reason in REVIEWED["only-aws"].values():
        assert len(reason.split()) > 5
    for tests in REVIEWED["elsewhere"].values():
        for test in tests:
            assert "restore_page" in (ROOT / test).read_text()


def test_every_page_that_an_alarm_or_a_message_names_is_there():
    sources = [
        path
        for room in ("constructs", "lambda", "migration", "review", "cli", "config", "service")
        for path in (ROOT / room).rglob("*.py")
    ]
    named = {name for path in sources for name in _NAMED.findall(path.read_text())}
    assert len(named) > 5
    assert {name for name in named if not (FOLDER / f"{name}.md").exists()} == set()


def test_the_index_has_each_page_once_by_what_is_seen():
    rows = re.findall(r"^\| (.+) \| \[.+\]\(([a-z-]+)\.md\) \|$", INDEX.read_text(), re.MULTILINE)
    assert sorted(name for _, name in rows) == sorted(each.name for each in every_page())
    assert all(len(symptom.split()) > 3 for symptom, _ in rows)
