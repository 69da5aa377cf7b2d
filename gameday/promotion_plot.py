"""Writes and reads per tenth of a second around the moment a master was killed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_LEFT, _BAR, _HEIGHT, _GAP = 60, 8, 90, 50
_FONT = 'font-family="sans-serif" font-size="12"'


def svg(timeline: Mapping[str, Any]) -> str:
    """Two rows of bars over one time, with the kill as a line through both."""
    tenths = max(len(timeline["writes"]), len(timeline["reads"]))
    width = _LEFT + tenths * _BAR + 20
    height = 2 * (_HEIGHT + _GAP) + 10
    killed = _LEFT + timeline["killed_seconds"] * 10 * _BAR
    body = [
        *_row("writes acknowledged per 0.1 s", timeline["writes"], 30, "#2a7f62"),
        *_row("reads answered per 0.1 s", timeline["reads"], 30 + _HEIGHT + _GAP, "#3b6ea5"),
        f'<line x1="{killed:.1f}" x2="{killed:.1f}" y1="20" y2="{height - 30}" stroke="#b5533c"/>',
        f'<text x="{killed + 4:.1f}" y="{height - 12}" {_FONT} fill="#b5533c">kill -9</text>',
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
        '<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _row(title: str, counts: Sequence[int], top: int, colour: str) -> Iterator[str]:
    greatest = max(counts, default=0) or 1
    yield f'<text x="{_LEFT}" y="{top - 8}" {_FONT} font-weight="bold">{title}</text>'
    yield f'<text x="{_LEFT - 6}" y="{top + 10}" text-anchor="end" {_FONT}>{greatest}</text>'
    for place, count in enumerate(counts):
        tall = _HEIGHT * count / greatest
        yield (
            f'<rect x="{_LEFT + place * _BAR}" y="{top + _HEIGHT - tall:.1f}" width="{_BAR - 1}" '
            f'height="{tall:.1f}" fill="{colour}"/>'
        )
