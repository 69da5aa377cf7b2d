"""docs/local.md says what is metadata, type by type, in the words of the data."""

from __future__ import annotations

from pathlib import Path

from local.emulator.recorded import RECORDED

PAGE = Path(__file__).parents[2] / "docs" / "local.md"


def test_the_page_lists_what_is_only_written_down():
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `AWS::")]
    assert rows == [f"| `{kind}` | {why} |" for kind, why in RECORDED.items()]
