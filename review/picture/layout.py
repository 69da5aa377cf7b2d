"""Where everything stands: a row for each tier and store, a column for each zone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from review.picture.facts import Facts, RegionFacts, Role, Tier, Zones
from review.picture.shapes import Box, Drawing, Polyline, Shape, Text

WIDTH = 860  # of a page on GitHub
_MARGIN = 14
_LABELS = 150  # the column of labels
_PAD = 8  # between a Region's border and its zones
_BETWEEN = 44  # Regions
_WIDEST = 170  # column
_CELL = 24  # height of what stands in a row

# Label, and what it adds, of each row of stores.
_STORES = {
    "entity-a": ("entity store A", "Aurora, users and groups"),
    "entity-b": ("entity store B", "takes over in an upgrade"),
    "replica": ("delayed replica", "PostgreSQL on EC2, EBS"),
    "transaction": ("transaction store", "Aurora, the audit log"),
    "reporting": ("reporting", "Aurora"),
}


class _Panel:
    """A Region's part of the picture."""

    def __init__(self, facts: RegionFacts, x: float, column: float) -> None:
        self.facts = facts
        self.x = x
        self.column = column
        self.width = column * len(facts.zones) + 2 * _PAD

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def axis(self) -> float:
        """Return where requests come down: between two zones, so that no zone's name is crossed."""
        return self.x + _PAD + self.column * max(1, len(self.facts.serving_zones) // 2)

    def left_of(self, zone: str) -> float:
        return self.x + _PAD + self.column * self.facts.zones.index(zone)

    def span(self, zones: Zones) -> tuple[float, float]:
        """Return the left border and the width of what stands in these zones."""
        left = min(self.left_of(zone) for zone in zones) + 5
        return left, max(self.left_of(zone) for zone in zones) + self.column - 5 - left


def draw(facts: Facts) -> Drawing:
    """Return the picture of an environment."""
    return _Picture(facts).drawing


class _Picture:
    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        columns = sum(len(region.zones) for region in facts.regions)
        gaps = _BETWEEN * (len(facts.regions) - 1) + 2 * _PAD * len(facts.regions)
        column = min(_WIDEST, (WIDTH - 2 * _MARGIN - _LABELS - gaps) // columns)
        self.panels: list[_Panel] = []
        x = _MARGIN + _LABELS
        for region in facts.regions:
            self.panels.append(_Panel(region, x, column))
            x = self.panels[-1].right + _BETWEEN
        self.drawing = Drawing(
            width=self.panels[-1].right + _MARGIN,
            height=0,
            title=f"mainstay, environment {facts.environment}",
        )
        self.left, self.right = _MARGIN + _LABELS, self.panels[-1].right
        self.top = 100.0  # of the Regions
        self.y = self.top + 46  # of the next row
        self.drawn: list[Shape] = []
        self._front()
        self._stores()
        self._sessions_and_events()
        self._reports()
        self._backups()
        bottom = self.y
        self._monitors()
        self._legend()
        self._ground(bottom)

    # ---- the front half: where requests go

    def _front(self) -> None:
        middle = (self.left + self.right) / 2
        self.drawn += [
            Box(x=middle - 120, y=_MARGIN, width=240, height=26, look="name", radius=13),
            Text(x=middle, y=_MARGIN + 17, words="users of every tenant", size=12),
            Polyline(points=((middle, _MARGIN + 26), (middle, _MARGIN + 42))),
            Box(x=self.left, y=_MARGIN + 42, width=self.right - self.left, height=26, look="front"),
        ]
        words = {
            "failover": "failover to the standby by health checks",
            "latency": "the nearest healthy Region by latency",
        }.get(self.facts.routing, "health checks")
        signed = " · DNSSEC" if self.facts.signed else ""
        self.drawn.append(
            Text(x=middle, y=_MARGIN + 59, words=f"Route 53 · {words}{signed}", size=12)
        )
        self._label("DNS", "", y=_MARGIN + 42, height=26)
        for panel in self.panels:
            self.drawn.append(Polyline(points=((panel.axis, _MARGIN + 68), (panel.axis, self.y))))
        filtered = "behind AWS WAF" if all(each.firewall for each in self.facts.regions) else ""
        self._bars("public", filtered, "load balancer", "public_balancer")
        self._bars("edge", "Fargate", "nginx", "edge")
        self._bars("internal", "one rule, two weights", "load balancer", "internal_balancer")
        self._halves()

    def _bars(self, label: str, more: str, words: str, tier: str) -> None:
        """A row in which each Region has one bar over the zones of a tier, and an arrow from it."""
        self._label(label, more)
        for panel in self.panels:
            facts: Tier = getattr(panel.facts, tier)
            self._bar(panel, facts.zones, "front", words + _range(facts), tier)
            below = (panel.axis, self.y + _CELL)
            self.drawn.append(Polyline(points=(below, (panel.axis, self.y + _CELL + 14))))
        self.y += _CELL + 14

    def _halves(self) -> None:
        """Both halves of the app tier, and the arrow from them to the stores."""
        halves = tuple(self.panels[0].facts.halves)
        height = len(halves) * (_CELL + 4) - 4
        self._label("app", "two halves, both serve", height=height)
        for panel in self.panels:
            x, width = panel.span(panel.facts.serving_zones)
            self.drawn.append(
                Box(x=x - 3, y=self.y - 3, width=width + 6, height=height + 6, look="group")
            )
        for half in halves:
            for panel in self.panels:
                facts = panel.facts.halves[half]
                self._bar(panel, facts.zones, half, half + _range(facts), half)
            self.y += _CELL + 4
        self.y -= 1
        for panel in self.panels:
            end = (panel.axis, self.y + 16)
            self.drawn += [
                Polyline(points=((panel.axis, self.y), end)),
                Polyline(points=((panel.x + _PAD + 2, end[1]), (panel.right - _PAD - 2, end[1])),
                     look="rule", heads=""),
            ]  # fmt: skip
        self.y += 24

    # ---- the stores

    def _stores(self) -> None:
        for store in ("entity-a", "entity-b", "replica"):
            self._store(store)
        self._follow()

    def _store(self, store: str) -> None:
        """A row of a store's instances; a copy in the other Region stands in the same row."""
        family = store.partition("-")[0]
        found = []
        for panel in self.panels:
            names = [store] if panel.facts.primary or store == "replica" else []
            if store != "entity-b":
                names += [f"{family}-copy"]
            if store == "transaction":
                names += ["transaction-a"]
            found += [(panel, name) for name in names if name in panel.facts.stores]
        if not found:
            return
        self._label(*_STORES[store])
        for panel, name in found:
            self._cells(panel, store, panel.facts.stores[name])
        if len(found) > 1:
            self._across(found[0][0], found[0][1], found[1][0], found[1][1])
        self.y += _CELL + 8

    def _cells(self, panel: _Panel, store: str, roles: Mapping[str, Role]) -> None:
        middle = self.y + _CELL / 2
        x, width = panel.span(tuple(roles))
        self.drawn.append(
            Polyline(points=((x, middle), (x + width, middle)), look="rail", heads="")
        )
        for zone, role in sorted(roles.items()):
            left, width = panel.span((zone,))
            look = {"delayed": "late"}.get(role, role)
            words = _late(self.facts.delay_minutes) if role == "delayed" else role
            ground = () if role != "storage" else (
                Box(x=left, y=self.y, width=width, height=_CELL, look="zone"),
            )  # fmt: skip
            self.drawn += [
                *ground,
                Box(x=left, y=self.y, width=width, height=_CELL, look=look,
                    about=(("row", store), ("zone", zone), ("role", role))),
                Text(x=left + width / 2, y=middle + 4, words=words, size=11,
                     look="on" if role == "writer" else "", soft=role == "storage"),
            ]  # fmt: skip

    def _across(self, one: _Panel, name: str, other: _Panel, copy: str) -> None:
        """An arrow from a store to its copy in the other Region."""
        middle = self.y + _CELL / 2
        x, width = one.span(tuple(one.facts.stores[name]))
        begin = (x + width, middle)
        end = (other.span(tuple(other.facts.stores[copy]))[0], middle)
        self.drawn.append(Polyline(points=(begin, end), look="far"))
        self.source = begin

    def _follow(self) -> None:
        """The arrows of the follower and of the replica behind it."""
        for panel in self.panels:
            servers = panel.facts.stores.get("replica", {})
            by_role = {role: zone for zone, role in servers.items()}
            if {"follower", "delayed"} <= by_role.keys() and panel is not self.panels[0]:
                middle = self.y - 8 - _CELL / 2
                left, width = panel.span((by_role["follower"],))
                late, _ = panel.span((by_role["delayed"],))
                gap = panel.x - _BETWEEN / 2
                above = self.source[1]
                self.drawn += [
                    Polyline(points=((gap, above), (gap, middle), (left, middle)), look="far"),
                    Text(x=(panel.x + left) / 2, y=middle - 5, words="logical replication",
                         size=10, soft=True),
                    Polyline(points=((left + width, middle), (late, middle)), look="far"),
                ]  # fmt: skip

    # ---- what belongs to a Region and to no zone

    def _sessions_and_events(self) -> None:
        self._label("sessions", "one table, every Region")
        bars = []
        for panel in self.panels:
            if panel.facts.sessions:
                bars.append(self._bar(panel, panel.facts.zones, "regional",
                                      "DynamoDB global table", "session"))  # fmt: skip
        if len(bars) > 1:
            self._between(bars, heads="both")
        self.y += _CELL + 8
        self._label("audit events", "a login waits for none")
        for panel in self.panels:
            self._bar(panel, panel.facts.zones, "regional", "SQS queue, then a worker", "events")
        panel = self.panels[0]
        [writer] = [
            zone for zone, role in panel.facts.stores["transaction-a"].items() if role == "writer"
        ]
        x = panel.left_of(writer) + panel.column / 2
        self.drawn.append(Polyline(points=((x, self.y + _CELL), (x, self.y + _CELL + 14))))
        self.y += _CELL + 14
        self._store("transaction")

    def _reports(self) -> None:
        if any(panel.facts.reporting for panel in self.panels):
            self._label("reporting", "loaded by zero-ETL")
            for panel in self.panels:
                look = "regional" if panel.facts.loads_reports else "idle"
                words = "Redshift Serverless" if look == "regional" else "empty until restored"
                self._bar(panel, panel.facts.reporting, look, words, "warehouse")
                shared = sorted(
                    set(panel.facts.reporting) & set(panel.facts.stores.get("transaction-a", {}))
                )
                if panel.facts.loads_reports and shared:
                    x = panel.left_of(shared[0]) + panel.column / 2
                    self.drawn.append(Polyline(points=((x, self.y - 8), (x, self.y))))
            self.y += _CELL + 8
        self._store("reporting")

    def _backups(self) -> None:
        self._label("backups", "locked against deletion")
        bars, copies = [], False
        for panel in self.panels:
            words = " · ".join(panel.facts.backups)
            bars.append(self._bar(panel, panel.facts.zones, "regional", words, "backups"))
            copies = copies or panel.facts.backups_copied_to is not None
        if copies and len(bars) > 1:
            self._between(list(reversed(bars)), heads="end")
        self.y += _CELL + 12

    def _monitors(self) -> None:
        for region in self.facts.monitors:
            self.y += 10
            self._label("monitors", "share nothing with the rest")
            self.drawn += [
                Box(x=self.left, y=self.y, width=self.right - self.left, height=_CELL, look="name",
                    about=(("row", "monitors"), ("region", region))),
                Text(x=(self.left + self.right) / 2, y=self.y + 16, words=f"{region}: canaries"),
            ]  # fmt: skip
            self.y += _CELL

    # ---- what every row uses

    def _label(
        self, words: str, more: str, *, y: float | None = None, height: float = _CELL
    ) -> None:
        y = self.y if y is None else y
        middle = y + height / 2
        if words:
            base = middle + 4 if not more else middle - 1.5
            self.drawn.append(Text(x=_MARGIN, y=base, words=words, bold=True, anchor="start"))
        if more:
            base = middle + 10 if words else middle + 4
            self.drawn.append(Text(x=_MARGIN, y=base, words=more, size=9.5, soft=True,
                                   anchor="start"))  # fmt: skip

    def _bar(self, panel: _Panel, zones: Zones, look: str, words: str, row: str) -> Box:
        x, width = panel.span(zones)
        box = Box(x=x, y=self.y, width=width, height=_CELL, look=look,
                  about=(("row", row), ("zones", " ".join(zones))))  # fmt: skip
        self.drawn += [box, Text(x=x + width / 2, y=self.y + 16, words=words)]
        return box

    def _between(self, bars: Sequence[Box], *, heads: str) -> None:
        """An arrow across the space between two Regions, from the first bar to the second."""
        one, other = bars
        middle = self.y + _CELL / 2
        if one.x < other.x:
            points = ((one.x + one.width, middle), (other.x, middle))
        else:
            points = ((one.x, middle), (other.x + other.width, middle))
        self.drawn.append(Polyline(points=points, look="far", heads=heads))

    def _legend(self) -> None:
        """What no label says, as far as the picture has it."""
        y = self.y + 18
        x = self.left
        looks = {shape.look for shape in self.drawn if isinstance(shape, Box | Polyline)}
        apart = any(region.data_zones for region in self.facts.regions)
        for look, words, there in (
            ("apart", "zone for data alone", apart),
            ("storage", "volume without instance", "storage" in looks),
            ("far", "replication", "far" in looks),
        ):
            if there and look == "far":
                self.drawn.append(Polyline(points=((x - 6, y - 4), (x + 16, y - 4)), look=look))
            elif there:
                self.drawn.append(Box(x=x, y=y - 9, width=16, height=11, look=look, radius=3))
            if there:
                text = Text(x=x + 22, y=y, words=words, size=10.5, soft=True, anchor="start")
                self.drawn.append(text)
                x += 22 + text.width + 24
        self.height = y + 14

    def _ground(self, bottom: float) -> None:
        """Behind everything: the page, the Regions, their zones and the names of both."""
        drawing = self.drawing
        drawing.height = self.height
        drawing.add(Box(x=0, y=0, width=drawing.width, height=self.height, look="ground", radius=8))
        for panel in self.panels:
            facts = panel.facts
            drawing.add(Box(x=panel.x, y=self.top, width=panel.width, height=bottom - self.top,
                            look="region", radius=9))  # fmt: skip
            for zone in facts.zones:
                look = "apart" if zone in facts.data_zones else "zone"
                x = panel.left_of(zone)
                drawing.add(Box(x=x + 2, y=self.top + 26, width=panel.column - 4,
                                height=bottom - self.top - 32, look=look,
                                about=(("region", facts.name), ("zone", zone))))  # fmt: skip
                drawing.add(Text(x=x + panel.column / 2, y=self.top + 40, words=zone, size=10.5,
                                 soft=True))  # fmt: skip
            role = "primary" if facts.primary else "standby"
            drawing.add(Text(x=panel.right - 10, y=self.top + 18, words=f"{facts.name} · {role}",
                             size=13, bold=True, anchor="end"))  # fmt: skip
        drawing.add(*self.drawn)


def _range(tier: Tier) -> str:
    """Return how many tasks a tier of servers has, least and most, as the end of its name."""
    return f" · {tier.tasks}–{tier.most_tasks} tasks" if tier.tasks else ""


def _late(minutes: int | None) -> str:
    """Return how far the delayed replica stands behind."""
    if minutes is None:
        return "delayed"
    return f"{minutes} min late" if minutes % 60 else f"{minutes // 60} h late"
