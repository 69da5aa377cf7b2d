"""What a picture is made of, and its text as SVG, readable on light and on dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

Point = tuple[float, float]
# In hundredths of the font's size, as wide as letters get (DejaVu Sans).
_WIDTHS = {
    **dict.fromkeys("ijlI|", 29),
    **dict.fromkeys(".,·:;'()ftr- ", 38),
    **dict.fromkeys("mwMWGOQ", 90),
}
_USUAL = 62
_BOLD = 1.1
_HEAD = 5.0  # of an arrow, in pixels

# Class -> light, dark. A picture inside a page cannot see the page, so it brings its own ground.
_COLOURS = {
    ".ground { fill: %s }": ("#ffffff", "#0f151c"),
    ".region { fill: %s; stroke: %s }": ("#f6f8fb #d6dee8", "#151d27 #2c3948"),
    ".zone { fill: %s }": ("#eaeff5", "#1c2733"),
    ".apart { fill: %s }": ("#f7efe2", "#2a2417"),
    "text { fill: %s }": ("#22303e", "#dbe4ee"),
    "text.soft { fill: %s }": ("#5f6f80", "#93a3b4"),
    ".name { fill: %s; stroke: %s }": ("#ffffff #9db0c4", "#1f2a36 #4a5d72"),
    ".front { fill: %s; stroke: %s }": ("#e3edf9 #5f8fc7", "#17304c #4f82bd"),
    ".blue { fill: %s; stroke: %s }": ("#cfe1f7 #4d82c0", "#1d3f66 #5a8fcd"),
    ".green { fill: %s; stroke: %s }": ("#d6edde #4f9a70", "#1c4430 #549c73"),
    ".group { fill: none; stroke: %s; stroke-dasharray: 3 3 }": ("#a9b8c7", "#475769"),
    ".writer { fill: %s; stroke: %s }": ("#5b4a94 #5b4a94", "#7c69bd #7c69bd"),
    "text.on { fill: %s }": ("#ffffff", "#ffffff"),
    ".reader { fill: %s; stroke: %s }": ("#ebe7f7 #8d7fc0", "#2b2548 #7c69bd"),
    ".copy { fill: %s; stroke: %s }": ("#f6f4fc #a89bd3", "#211d36 #62559a"),
    ".storage { fill: none; stroke: %s; stroke-dasharray: 2 3 }": ("#a89bd3", "#62559a"),
    ".late { fill: %s; stroke: %s }": ("#fbe7c6 #c48a2c", "#4b3610 #c48a2c"),
    ".follower { fill: %s; stroke: %s }": ("#fdf4e2 #d3ab68", "#33270f #93713a"),
    ".regional { fill: %s; stroke: %s }": ("#e0f0ef #5ba19b", "#153836 #4d938d"),
    ".idle { fill: none; stroke: %s; stroke-dasharray: 4 3 }": ("#8fb9b5", "#3d716d"),
    ".rail { stroke: %s; stroke-width: 2 }": ("#c9c0e6", "#453b70"),
    ".rule { stroke: %s }": ("#cdd7e2", "#33414f"),
    ".arrow { stroke: %s; fill: none; stroke-width: 1.4 }": ("#4d6075", "#8ea2b8"),
    ".head { fill: %s }": ("#4d6075", "#8ea2b8"),
    ".far { stroke: %s; fill: none; stroke-width: 1.3; stroke-dasharray: 4 3 }": (
        "#7464b0",
        "#9c8cd8",
    ),
    ".farhead { fill: %s }": ("#7464b0", "#9c8cd8"),
}
_FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle. `about` are facts that a program can read back."""

    x: float
    y: float
    width: float
    height: float
    look: str
    radius: float = 5
    about: tuple[tuple[str, str], ...] = ()

    def svg(self) -> str:
        about = "".join(f" data-{name}={quoteattr(value)}" for name, value in self.about)
        return (
            f'<rect x="{self.x:g}" y="{self.y:g}" width="{self.width:g}" '
            f'height="{self.height:g}" rx="{self.radius:g}" class="{self.look}"{about}/>'
        )


@dataclass(frozen=True, kw_only=True)
class Text:
    """A line of text; `y` is its base line."""

    x: float
    y: float
    words: str
    size: float = 11.5
    bold: bool = False
    soft: bool = False
    look: str = ""
    anchor: str = "middle"

    @property
    def width(self) -> float:
        hundredths = sum(_WIDTHS.get(letter, _USUAL) for letter in self.words)
        return hundredths * self.size / 100 * (_BOLD if self.bold else 1)

    @property
    def left(self) -> float:
        return self.x - self.width * {"start": 0, "middle": 0.5, "end": 1}[self.anchor]

    def svg(self) -> str:
        look = " ".join([*(["soft"] if self.soft else []), *([self.look] if self.look else [])])
        return (
            f'<text x="{self.x:g}" y="{self.y:g}" font-size="{self.size:g}"'
            + (f' text-anchor="{self.anchor}"' if self.anchor != "start" else "")
            + (' font-weight="600"' if self.bold else "")
            + (f' class="{look}"' if look else "")
            + f">{escape(self.words)}</text>"
        )


@dataclass(frozen=True, kw_only=True)
class Polyline:
    """A path of straight pieces, with an arrow's head at its end, at its start, or at neither."""

    points: tuple[Point, ...]
    look: str = "arrow"
    heads: str = "end"  # "end", "both" or ""

    def svg(self) -> str:
        path = " ".join(f"{x:g},{y:g}" for x, y in self.points)
        drawn = f'<polyline points="{path}" class="{self.look}"/>'
        head = "farhead" if self.look == "far" else "head"
        if self.heads:
            drawn += _head(self.points[-2], self.points[-1], head)
        if self.heads == "both":
            drawn += _head(self.points[1], self.points[0], head)
        return drawn


Shape = Box | Text | Polyline


@dataclass(kw_only=True)
class Drawing:
    """Shapes in the order in which they are painted."""

    width: float
    height: float
    title: str
    shapes: list[Shape] = field(default_factory=list)

    def add(self, *shapes: Shape) -> None:
        self.shapes += shapes

    def svg(self) -> str:
        """Return the text of an SVG file."""
        body = "\n".join(f"  {shape.svg()}" for shape in self.shapes)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:g} {self.height:g}" '
            f'width="{self.width:g}" font-family="{_FONT}">\n'
            f"  <title>{escape(self.title)}</title>\n"
            f"  <style>\n{_style(0, 4)}\n"
            f"    @media (prefers-color-scheme: dark) {{\n{_style(1, 6)}\n    }}\n  </style>\n"
            f"{body}\n</svg>\n"
        )


def _style(side: int, indent: int) -> str:
    return "\n".join(
        " " * indent + rule % tuple(colours[side].split()) for rule, colours in _COLOURS.items()
    )


def _head(before: Point, end: Point, look: str) -> str:
    """Return an arrow's head at the end of a horizontal or vertical piece."""
    x, y = end
    along = (_sign(x - before[0]) * _HEAD, _sign(y - before[1]) * _HEAD)
    across = (along[1] * 0.7, along[0] * 0.7)
    corners: Sequence[Point] = (
        end,
        (x - along[0] * 1.3 + across[0], y - along[1] * 1.3 + across[1]),
        (x - along[0] * 1.3 - across[0], y - along[1] * 1.3 - across[1]),
    )
    points = " ".join(f"{a:g},{b:g}" for a, b in corners)
    return f'<polygon points="{points}" class="{look}"/>'


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)
