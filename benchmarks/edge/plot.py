"""The result as a picture: CPU per request, and how many probes were answered under a flood."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

_ROW, _LEFT, _WIDTH, _GAP = 22, 190, 420, 46
_FONT = 'font-family="sans-serif" font-size="12"'
_COLOURS = {
    "edge": "#2a7f62",
    "bare proxy": "#8a8a8a",
    "bare proxy, default log": "#8a8a8a",
    "upstream alone": "#c4c4c4",
}
_LEGACY = "#b5533c"
FLOODS = {
    "in_flight": "1,000 requests in flight",
    "idle": "1,000 idle connections",
    "slow_heads": "1,000 slow heads",
}


def svg(result: Mapping[str, Any]) -> str:
    """Bars: each panel has a scale of its own, from 0 to its greatest value."""
    panels = [
        (
            "CPU per request, microseconds (less is better)",
            {name: each["cpu_us"] for name, each in result["cpu"].items()},
        ),
        *(
            (
                f"Probes answered of 40, {words} (more is better)",
                {name: each["answered"] for name, each in result[flood].items()},
            )
            for flood, words in FLOODS.items()
        ),
        ("Log bytes per 1,000 requests (less is better)", result["log_bytes_per_1000"]),
    ]
    body, y = [], 20
    for title, values in panels:
        body += _panel(title, values, y)
        y += _GAP + _ROW * len(values)
    width = _LEFT + _WIDTH + 90
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" '
        f'viewBox="0 0 {width} {y}"><rect width="100%" height="100%" fill="white"/>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


def _panel(title: str, values: Mapping[str, float], top: int) -> Iterator[str]:
    yield f'<text x="10" y="{top}" {_FONT} font-weight="bold">{escape(title)}</text>'
    greatest = max(values.values()) or 1
    for row, (name, value) in enumerate(values.items()):
        y = top + 10 + row * _ROW
        width = round(_WIDTH * value / greatest, 1)
        colour = _COLOURS.get(name, _LEGACY)
        yield f'<text x="{_LEFT - 8}" y="{y + 13}" text-anchor="end" {_FONT}>{escape(name)}</text>'
        yield f'<rect x="{_LEFT}" y="{y}" width="{width}" height="16" fill="{colour}"/>'
        yield f'<text x="{_LEFT + width + 6}" y="{y + 13}" {_FONT}>{value:,g}</text>'
