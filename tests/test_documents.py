"""What people read leads somewhere, and no merge was left half done."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[1]
# A merge that nobody ended. Seven equals signs alone underline a heading elsewhere.
MARKERS = re.compile(rb"^(<{7} |>{7} |\|{7} )", re.MULTILINE)
_LINK = re.compile(r"(?<!\\)\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
_FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")


def files() -> list[Path]:
    """Every file of the repository that is kept."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    paths = (ROOT / name.decode() for name in listed.stdout.split(b"\0") if name)
    return [path for path in paths if path.is_file()]


PAGES = sorted(path for path in files() if path.suffix == ".md")


def anchors(text: str) -> set[str]:
    """The names that GitHub gives the headings of a page."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.+?) *#*$", _FENCED.sub("", text), re.MULTILINE):
        words = re.sub(r"[`*\[\]]|\(([^)]*\.md[^)]*)\)", "", heading).lower()
        name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        again = 1
        while (numbered := name if again == 1 else f"{name}-{again - 1}") in found:
            again += 1
        found.add(numbered)
    return found


def broken(page: Path) -> list[str]:
    """The page's relative links that lead to no file, or to no heading of it."""
    text = page.read_text()
    prose = _CODE.sub("", _FENCED.sub("", text))
    found = []
    for link in _LINK.findall(prose):
        if re.match(r"[a-z][a-z+.-]*:", link):
            continue  # of the network
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path) if path else page
        if (
            not target.exists()
            or anchor
            and target.suffix == ".md"
            and anchor not in anchors(target.read_text())
        ):
            found.append(link)
    return found


def test_there_are_pages():
    assert {"README.md", "docs/claims.md"} <= {str(page.relative_to(ROOT)) for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path):
    assert broken(page) == []


def test_a_link_to_nothing_is_found(tmp_path: Path):
    page = tmp_path / "page.md"
    (tmp_path / "there.md").write_text("# A heading, with `code`\n## A heading, with `code`\n")
    page.write_text(
        "[a](there.md) [b](gone.md) [c](there.md#a-heading-with-code-1) [d](there.md#other)\n"
        "[e](#here) `[f](code.md)` [g](https://example.com/gone.md)\n```\n[h](block.md)\n```\n"
    )
    assert broken(page) == ["gone.md", "there.md#other", "#here"]


def test_no_merge_was_left_half_done():
    assert [
        str(path.relative_to(ROOT)) for path in files() if MARKERS.search(path.read_bytes())
    ] == []


def test_a_marker_is_found():
    ours = b"<" * 7 + b" HEAD\n"
    assert MARKERS.search(b"text\n" + ours)
    assert not MARKERS.search(b"Heading\n=======\n")


@pytest.mark.parametrize("folder", ["decisions", "runbooks"])
def test_the_list_of_a_folder_has_every_page_of_it(folder: str):
    listed = (ROOT / "docs" / folder / "README.md").read_text()
    pages = {page.name for page in (ROOT / "docs" / folder).glob("*.md")} - {"README.md"}
    assert sorted(page for page in pages if f"({page})" not in listed) == []
