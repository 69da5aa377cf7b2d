"""Renders docs/claims.md from docs/claims.toml; --check reports whether it is up to date."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from review.claims.file import LedgerError, load
from review.claims.ledger import SOURCES, TO_FILL, Claim, Ledger, Omitted, Status

ROOT = Path(__file__).parents[2]
LEDGER = ROOT / "docs" / "claims.toml"
PAGE = ROOT / "docs" / "claims.md"
COMMAND = ".venv/bin/python -m review.claims"


def render(ledger: Ledger) -> str:
    """Return the page: the counts first, then one table per section, then what was left out."""
    lines = _summary(ledger)
    for source in SOURCES:
        claims = [claim for claim in ledger.claims if claim.source == source]
        if claims:
            lines += ["", f"## The {source}"]
        for section in dict.fromkeys(claim.section for claim in claims):
            lines += ["", f"### {section}", ""]
            lines += ["| Claim | AWS reality | What mainstay builds | Status | Proven by |"]
            lines += ["|---|---|---|---|---|"]
            lines += [_claim_row(claim) for claim in claims if claim.section == section]
    lines += ["", "## Left out", ""]
    lines += ["Sentences that assert nothing about the system.", ""]
    lines += ["| Sentence | From | Why it is no claim |", "|---|---|---|"]
    lines += [_omitted_row(row) for row in ledger.omitted]
    return "\n".join(lines) + "\n"


def _summary(ledger: Ledger) -> list[str]:
    counts = Counter(claim.status for claim in ledger.claims)
    waiting = sum(TO_FILL in claim.tests for claim in ledger.claims)
    lines = [
        "# The claims",
        "",
        f"{len(ledger.claims)} claims: "
        + ", ".join(f"{counts[status]} {status.value}" for status in Status)
        + f". {len(ledger.omitted)} sentences assert nothing and are listed at the end.",
        "",
        "Every sentence of the whitepaper and of the edge article stands here once, word for "
        "word. Reality is what AWS, or nature, allows of it today. A claim that is built, or "
        "partly built, names the tests that prove it, and the full test run fails when one of "
        "them does not pass.",
        "",
        f"Rendered from [claims.toml](claims.toml) by `{COMMAND}`: edit that file, not this one.",
    ]
    if waiting:
        lines += ["", f"**{waiting} claims still wait for the name of their test.**"]
    return lines


def _claim_row(claim: Claim) -> str:
    built = claim.built
    if claim.missing:
        built += f" **Missing:** {claim.missing}"
    if claim.resources:
        built += "<br>" + ", ".join(f"`{resource}`" for resource in claim.resources)
    cells = [
        f'<a id="{claim.id}"></a>{_plain(claim.sentence)}<br>`{claim.id}`',
        claim.reality,
        built,
        claim.status,
        "<br>".join(_link(test) for test in claim.tests) or "-",
    ]
    return _row(cells)


def _omitted_row(omitted: Omitted) -> str:
    return _row([_plain(omitted.sentence), omitted.source, omitted.why])


def _link(test: str) -> str:
    if test == TO_FILL:
        return "**no test named yet**"
    path, _, name = test.partition("::")
    return f"[{name}](../{path})"


def _plain(sentence: str) -> str:
    return sentence.removeprefix("• ")


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main(arguments: list[str] | None = None, *, ledger: Path = LEDGER, page: Path = PAGE) -> int:
    """Exit code 0 when the page is written, or is up to date; 1 with a message otherwise."""
    parser = argparse.ArgumentParser(prog="review.claims", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 if out of date")
    check = parser.parse_args(arguments).check
    try:
        rendered = render(load(ledger))
    except LedgerError as error:
        print(error, file=sys.stderr)
        return 1
    if not check:
        page.write_text(rendered, encoding="utf-8")
        return 0
    if page.exists() and page.read_text(encoding="utf-8") == rendered:
        return 0
    print(f"{page.name} is out of date, run: {COMMAND}", file=sys.stderr)
    return 1
