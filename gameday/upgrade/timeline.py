"""The run as a picture: answers per second of each kind, over the steps of the upgrade as bands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

_LEFT, _WIDTH, _RIGHT = 250, 900, 20
_CHART, _GAP, _TOP = 44, 26, 30
_BAND = 15
_GRID_SECONDS = 30


def svg(result: Mapping[str, Any]) -> str:
    """One time axis for everything, in seconds since the load began. Colours are the page's."""
    series = result["timeline"]["answers_per_second"]
    steps = result["upgrade"]["steps"]
    seconds = max(
        [len(of["ok"]) for of in series.values()]
        + [step["began"] + step["seconds"] for step in steps]
        + [1]
    )
    charts = _TOP + len(series) * (_CHART + _GAP)
    height = charts + len(steps) * _BAND + 40

    def x(second: float) -> float:
        return round(_LEFT + _WIDTH * second / seconds, 1)

    body = [*_window(result, x, height), *_grid(seconds, x, height)]
    for place, (kind, of) in enumerate(series.items()):
        body += _chart(kind, of, _TOP + place * (_CHART + _GAP), x)
    for place, step in enumerate(steps):
        body += _band(step, charts + place * _BAND, x)
    return (
        f'<svg viewBox="0 0 {_LEFT + _WIDTH + _RIGHT} {height}" role="img" '
        'aria-label="answers per second of each kind, over the steps of the upgrade">\n'
        + "\n".join(body)
        + "\n</svg>"
    )


def _window(result: Mapping[str, Any], x: Any, height: int) -> Iterator[str]:
    """Yield the spans in which the upgrade's own steps refuse writes."""
    refusing = [step for step in result["upgrade"]["steps"] if step["writes_refused"]]
    if refusing:
        left = x(refusing[0]["began"])
        right = x(refusing[-1]["began"] + refusing[-1]["seconds"])
        yield (
            f'<rect class="window" x="{left}" y="{_TOP - 16}" width="{right - left:.1f}" '
            f'height="{height - _TOP - 8}"/>'
        )
        yield _text("writes are refused", left + 3, _TOP - 20)


def _grid(seconds: float, x: Any, height: int) -> Iterator[str]:
    for second in range(0, int(seconds) + 1, _GRID_SECONDS):
        at = x(second)
        yield f'<line class="grid" x1="{at}" x2="{at}" y1="{_TOP - 12}" y2="{height - 22}"/>'
        yield _text(f"{second} s", at, height - 8, anchor="middle")


def _chart(kind: str, of: Mapping[str, Sequence[int]], top: int, x: Any) -> Iterator[str]:
    """Successes, refusals and failures, on top of one another."""
    totals = [sum(counts) for counts in zip(*of.values(), strict=True)]
    greatest = max(totals, default=0) or 1
    bottom = top + _CHART
    summed = ", ".join(f"{sum(counts):,} {outcome}" for outcome, counts in of.items())
    yield _text(kind, _LEFT - 34, top + 14, anchor="end", kind="name")
    yield _text(summed, _LEFT - 34, top + 30, anchor="end")
    yield _text(str(greatest), _LEFT - 5, top + 8, anchor="end")
    yield f'<line class="base" x1="{_LEFT}" x2="{_LEFT + _WIDTH}" y1="{bottom}" y2="{bottom}"/>'
    under = [0] * len(totals)
    for outcome, counts in of.items():
        over = [low + count for low, count in zip(under, counts, strict=True)]
        if any(counts):
            yield f'<path class="{outcome}" d="{_area(under, over, greatest, bottom, x)}"/>'
        under = over
    for second, count in enumerate(of["failed"]):
        if count:
            yield (
                f'<circle class="failed" cx="{x(second + 0.5)}" cy="{top - 4}" r="3">'
                f"<title>{count} failed in second {second}</title></circle>"
            )


def _area(under: Sequence[int], over: Sequence[int], greatest: int, bottom: int, x: Any) -> str:
    """Between two stairs, each second a step; seconds without any are left out."""
    parts = []
    for second, (low, high) in enumerate(zip(under, over, strict=True)):
        if high > low:
            left, right = x(second), x(second + 1)
            y = [round(bottom - _CHART * value / greatest, 1) for value in (low, high)]
            parts.append(f"M{left} {y[0]}V{y[1]}H{right}V{y[0]}Z")
    return "".join(parts)


def _band(step: Mapping[str, Any], top: int, x: Any) -> Iterator[str]:
    left, right = x(step["began"]), x(step["began"] + step["seconds"])
    kind = "refusing" if step["writes_refused"] else "step"
    yield _text(step["name"], _LEFT - 6, top + 11, anchor="end")
    yield (
        f'<rect class="{kind}" x="{left}" y="{top + 2}" width="{max(right - left, 1.5):.1f}" '
        f'height="{_BAND - 4}"><title>{escape(step["name"])}: {step["seconds"]} s</title></rect>'
    )
    yield _text(f"{step['seconds']:.1f} s", max(right, left + 1.5) + 4, top + 11)


def _text(words: str, x: float, y: float, *, anchor: str = "start", kind: str = "small") -> str:
    return f'<text class="{kind}" text-anchor="{anchor}" x="{x:.1f}" y="{y}">{escape(words)}</text>'
