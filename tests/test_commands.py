"""Every command that a page, a help text or an error prints is one that exists as it is printed."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from tests.test_documents import PAGES, files

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
CDK = {"bootstrap", "deploy", "destroy", "diff", "ls", "synth"}
# Options of the AWS CLI itself, which no API has.
OF_THE_CLI = {
    *("region", "output", "query", "profile", "no-paginate"),
    *("cli-binary-format", "cli-input-json"),
}

# What the CLI has beside the members of the API.
SHORTHAND = {"put-metric-data": {"metric-name", "dimensions", "value"}}

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?<=\n\n)(?: {4}.*\n)+")
_INLINE = re.compile(r"`([^`\n]+)`")
_STARTS = re.compile(
    r"(?:\$ |exec )?(?P<command>(?:make|mainstay(?:-\w+)?|(?:\.venv/bin/)?python3? -m|aws|cdk"
    r"|npx cdk|\.venv/bin/[\w-]+|node_modules/\.bin/[\w-]+) .*)"
)


def shell_of(text: str) -> Iterator[str]:
    """The lines of a page's shell blocks, continued ones as one."""
    blocks = [body for language, body in _FENCED.findall(text) if language in ("sh", "bash", "")]
    for block in [*blocks, *_INDENTED.findall(_FENCED.sub("", text))]:
        yield from re.sub(r"\\\n\s*", "", block).splitlines()


def commands_of(text: str) -> set[str]:
    """The commands of a page, without placeholders, comments and what follows a pipe."""
    found = set()
    for line in [*shell_of(text), *_INLINE.findall(_FENCED.sub("", text))]:
        if match := _STARTS.fullmatch(line.strip()):
            plain = re.sub(r"<[^>]+>|\.{3}|\$\(.*\)|\$\{?\w+\}?", "1", match["command"])
            plain = re.split(r"\s+[|#&;>]", f"{plain} ", maxsplit=1)[0]
            found.add(plain.strip())
    return found


def printed() -> list[tuple[str, str]]:
    """Where a command is printed, and the command."""
    pages = [(str(page.relative_to(ROOT)), commands_of(page.read_text())) for page in PAGES]
    helps = re.findall(r"^[a-z-]+:.*## .*?(make [a-z-]+[^\n]*)$", MAKEFILE, re.MULTILINE)
    pages.append(("make help", {re.sub(r"<[^>]+>", "1", each) for each in helps}))
    return sorted((where, command) for where, commands in pages for command in commands)


PRINTED = printed()


@cache
def help_of(*command: str) -> str:
    """What a command prints when it is asked for help. Fails where it cannot be asked."""
    done = subprocess.run(
        [*command, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "200", "AWS_DEFAULT_REGION": "us-east-1"},
    )
    assert done.returncode == 0, f"{shlex.join(command)} --help: {done.stderr}"
    return done.stdout


def options(words: list[str]) -> set[str]:
    return {word.partition("=")[0] for word in words if word.startswith("--")}


def lacks_of_make(words: list[str]) -> set[str]:
    """The targets and variables of a `make` that the Makefile does not know."""
    lacking = set()
    for word in words[1:]:
        name, is_variable, _ = word.partition("=")
        if is_variable:
            lacking |= {name} if f"$({name})" not in MAKEFILE else set()
        elif not word.startswith("-"):
            lacking |= {word} - TARGETS
    return lacking


def lacks_of_program(program: list[str], words: list[str]) -> set[str]:
    """The options that neither the program nor the subcommand that is named has in its help."""
    if not words:
        return set()
    before: list[str] = []
    helps = ""
    positional = [word for word in words if not word.startswith("-")]
    if options(words):
        helps = help_of(*program)
    for place, word in enumerate(words):
        if re.fullmatch(r"[a-z][a-z-]+", word) and word in help_of(*program, *before):
            is_value = place and words[place - 1].startswith("--")
            if not is_value:
                before.append(word)
                helps += help_of(*program, *before)
    if positional and not before and not options(words):
        return {positional[0]} if re.fullmatch(r"[a-z][a-z-]+", positional[0]) else set()
    return {option for option in options(words) if option not in helps}


def lacks_of_aws(words: list[str]) -> set[str]:
    """The service, operation or options that AWS does not have."""
    service, operation = words[1:3]
    session = botocore.session.get_session()
    if service not in session.get_available_services():
        return set() if service == "s3" else {service}  # aws s3 cp is the CLI's own
    if operation == "wait":
        return set()
    model: Any = session.get_service_model(service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    if operation not in operations:
        return {operation}
    shape = model.operation_model(operations[operation]).input_shape
    members = {xform_name(name, "-") for name in (shape.members if shape else {})}
    members |= SHORTHAND.get(operation, set())
    asked = {option.removeprefix("--") for option in options(words)}
    return {name for name in asked - OF_THE_CLI if name.removeprefix("no-") not in members}


def lacks(command: str) -> set[str]:
    """What of a printed command does not exist."""
    words = shlex.split(command, comments=True)
    if words[0] == "make":
        return lacks_of_make(words)
    if words[0] == "aws":
        return lacks_of_aws(words)
    if words[0] == "npx":
        words = words[1:]
    if words[0] == "cdk":
        return {word for word in words[1:2] if not word.startswith("-")} - CDK
    if words[0] in SCRIPTS:
        module, _, function = SCRIPTS[words[0]].partition(":")
        called = f"import sys; sys.argv[0] = {words[0]!r}; from {module} import {function} as main"
        return lacks_of_program([sys.executable, "-c", f"{called}; sys.exit(main())"], words[1:])
    if words[0].rpartition("/")[2].startswith("python") and words[1] == "-m":
        if importlib.util.find_spec(words[2]) is None:
            return {words[2]}
        asked = options(words) or len(words) > 3
        return lacks_of_program([sys.executable, "-m", words[2]], words[3:]) if asked else set()
    return set() if (ROOT / words[0]).exists() else {words[0]}


def test_commands_are_found():
    assert len(PRINTED) > 60
    assert {command.split()[0] for _, command in PRINTED} >= {"make", "aws", "cdk", "npx"}


@pytest.mark.parametrize(("where", "command"), PRINTED, ids=lambda word: word[:70])
def test_exists_as_printed(where: str, command: str):
    assert lacks(command) == set(), where


@pytest.mark.parametrize(
    ("command", "lacking"),
    [
        ("make no-such", {"no-such"}),
        ("make synth NO_SUCH=1", {"NO_SUCH"}),
        ("aws ecs no-such", {"no-such"}),
        ("aws ecs run-task --no-such 1 --region 1", {"no-such"}),
        ("npx cdk no-such", {"no-such"}),
        ("python -m no_such", {"no_such"}),
        ("python -m review.summary --no-such", {"--no-such"}),
        ("mainstay-mode show --no-such", {"--no-such"}),
        ("mainstay-mode no-such", {"no-such"}),
        (".venv/bin/no-such x", {".venv/bin/no-such"}),
    ],
)
def test_what_does_not_exist_is_found(command: str, lacking: set[str]):
    found = lacks(command)
    assert {each.removeprefix("--") for each in found} == {
        each.removeprefix("--") for each in lacking
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_bash_reads_the_blocks_of_a_page(page: Path):
    blocks = [body for language, body in _FENCED.findall(page.read_text()) if language == "sh"]
    for block in blocks:
        plain = re.sub(r"<[^>\n]+>", "1", block)
        done = subprocess.run(
            ["bash", "-n"], input=plain, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_every_target_that_code_prints_is_there():
    """In backquotes, as errors name what to type."""
    named = {
        (str(file.relative_to(ROOT)), target)
        for file in files()
        if file.suffix in (".py", ".sh") and "tests" not in file.parts
        for target in re.findall(r"`make ([a-z][a-z-]+)", file.read_text())
    }
    assert len(named) > 10
    assert {(file, target) for file, target in named if target not in TARGETS} == set()
