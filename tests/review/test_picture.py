"""docs/architecture.svg shows what production's templates hold, and nothing in it overlaps."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from assembly.reader import read
from assembly.stack import Stack
from config.cluster import ClusterZones
from config.environments import PRODUCTION
from review.picture import facts
from review.picture.layout import draw
from review.picture.shapes import Box, Drawing, Polyline, Text

COMMITTED = (Path(__file__).parents[2] / "docs" / "architecture.svg").read_text()
ENVIRONMENTS = ("production", "small", "dev")


@pytest.fixture(scope="module")
def stacks(production) -> tuple[Stack, ...]:
    return tuple(read(production.directory).stacks.values())


@pytest.fixture(params=ENVIRONMENTS, scope="module")
def drawing(request: pytest.FixtureRequest, assembly_of: Callable) -> Drawing:
    return drawn_of(read(assembly_of(request.param).directory).stacks.values())


def drawn_of(stacks: Iterable[Stack]) -> Drawing:
    return draw(facts.read(stacks))


def marked(svg: str) -> list[dict[str, str]]:
    """The facts that stand beside the rectangles of a picture."""
    boxes = ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}rect")
    found = [
        {name.removeprefix("data-"): box.attrib[name] for name in box.attrib if "data-" in name}
        for box in boxes
    ]
    return [each for each in found if each]


def test_the_picture_is_the_one_of_the_templates(stacks: tuple[Stack, ...]):
    assert drawn_of(stacks).svg() == COMMITTED, "run: make picture"


def test_shows_the_zones_of_the_environment():
    shown = [(each["region"], each["zone"]) for each in marked(COMMITTED) if "region" in each]
    assert shown == [
        (region.name, zone)
        for region in PRODUCTION.regions
        for zone in (*region.zone_ids, *region.data_zone_ids)
    ]


def cells(row: str, zones: ClusterZones | None, *, copied: bool = False) -> Iterator[tuple]:
    assert zones is not None
    yield row, zones.writer, "copy" if copied else "writer"
    for zone in zones.readers:
        yield row, zone, "copy" if copied else "reader"
    for zone in zones.storage:
        yield row, zone, "storage"


def test_shows_masters_replicas_and_copies_where_the_environment_puts_them():
    databases = PRODUCTION.databases
    assert databases.delayed is not None
    expected = [
        *cells("entity-a", databases.entity.master_a),
        *cells("entity-a", databases.entity.standby, copied=True),
        *cells("entity-b", databases.entity.master_b),
        *cells("transaction", databases.transaction.primary),
        *cells("transaction", databases.transaction.standby, copied=True),
        ("replica", databases.delayed.follower_zone, "follower"),
        ("replica", databases.delayed.delayed_zone, "delayed"),
    ]
    shown = [
        (each["row"], each["zone"], each["role"]) for each in marked(COMMITTED) if "role" in each
    ]
    assert sorted(shown) == sorted(expected)


def test_shows_as_many_instances_as_the_templates_have(production):
    shown = Counter(each["role"] for each in marked(COMMITTED) if "role" in each)
    instances = len(list(production.of_type("AWS::RDS::DBInstance")))
    assert shown["writer"] + shown["reader"] + shown["copy"] == instances
    assert shown["writer"] == len(list(production.of_type("AWS::RDS::GlobalCluster"))) + 1  # and B
    servers = len(list(production.of_type("AWS::AutoScaling::AutoScalingGroup")))
    assert shown["follower"] + shown["delayed"] == servers


def test_shows_the_tasks_of_the_templates(production):
    ranges = Counter(
        f" · {target['MinCapacity']}–{target['MaxCapacity']} tasks"
        for stack, _, target in production.of_type("AWS::ApplicationAutoScaling::ScalableTarget")
        if target["ServiceNamespace"] == "ecs" and "worker" not in stack.name
    )
    assert {words: COMMITTED.count(words) for words in ranges} == ranges


def test_says_how_late_the_delayed_replica_is_and_how_a_region_is_chosen():
    assert PRODUCTION.databases.delayed is not None
    assert PRODUCTION.databases.delayed.delay_minutes == 60
    assert PRODUCTION.routing == "failover"
    assert ">1 h late<" in COMMITTED
    assert "failover to the standby" in COMMITTED
    assert "to come" not in COMMITTED


def edited(stacks: Iterable[Stack], part: str, kind: str, **values: object) -> list[Stack]:
    """The stacks, with other properties of the first resource of this type in a part's stack."""
    changed = copy.deepcopy(list(stacks))
    stack = next(stack for stack in changed if stack.part == part)
    next(iter(stack.of_type(kind).values())).update(values)
    return changed


@pytest.mark.parametrize(
    ("part", "kind", "values"),
    [
        ("EntityA", "AWS::RDS::DBInstance", {"PromotionTier": 1}),
        ("Network", "AWS::EC2::Subnet", {"AvailabilityZoneId": "use1-az3"}),
        ("Edge", "AWS::ApplicationAutoScaling::ScalableTarget", {"MinCapacity": 4}),
        ("Session", "AWS::DynamoDB::GlobalTable", {"Replicas": [{"Region": "us-east-1"}]}),
    ],
)
def test_another_template_is_another_picture(
    stacks: tuple[Stack, ...], part: str, kind: str, values: dict[str, object]
):
    assert drawn_of(edited(stacks, part, kind, **values)).svg() != COMMITTED


def test_shows_monitors_of_a_third_region_when_there_are_any(stacks: tuple[Stack, ...]):
    assert "canaries" not in COMMITTED
    canary = {"Canary": {"Type": "AWS::Synthetics::Canary", "Properties": {}}}
    monitor = replace(stacks[0], region="eu-west-1", template={"Resources": canary})
    assert "eu-west-1: canaries" in drawn_of([*stacks, monitor]).svg()


def test_refuses_an_assembly_without_a_network():
    with pytest.raises(ValueError, match="should hold a network"):
        facts.read([])


# ---- how it looks


def texts(drawing: Drawing) -> list[Text]:
    return [shape for shape in drawing.shapes if isinstance(shape, Text)]


def test_every_text_is_inside_the_smallest_box_around_its_middle(drawing: Drawing):
    boxes = [shape for shape in drawing.shapes if isinstance(shape, Box)]
    outside = []
    for text in texts(drawing):
        middle = (text.left + text.width / 2, text.y - text.size / 3)
        around = min(
            (box for box in boxes if contains(box, *middle)), key=lambda box: box.width * box.height
        )
        if not (
            contains(around, text.left, middle[1])
            and contains(around, text.left + text.width, middle[1])
        ):
            outside.append(text.words)
    assert outside == []


def contains(box: Box, x: float, y: float) -> bool:
    return box.x <= x <= box.x + box.width and box.y <= y <= box.y + box.height


def test_no_text_meets_another(drawing: Drawing):
    every = texts(drawing)
    assert [
        (one.words, other.words)
        for number, one in enumerate(every)
        for other in every[number + 1 :]
        if abs(one.y - other.y) < (one.size + other.size) / 2 * 0.8
        and one.left < other.left + other.width
        and other.left < one.left + one.width
    ] == []


def test_no_line_crosses_a_text(drawing: Drawing):
    crossed = [
        text.words
        for line in drawing.shapes
        if isinstance(line, Polyline)
        for begin, end in zip(line.points, line.points[1:], strict=False)
        for text in texts(drawing)
        if meets(begin, end, text) and not covered(line, text, drawing)
    ]
    assert crossed == []


def meets(begin: tuple[float, float], end: tuple[float, float], text: Text) -> bool:
    """Whether a horizontal or vertical piece runs through a text's rectangle."""
    left, right = sorted((begin[0], end[0]))
    top, bottom = sorted((begin[1], end[1]))
    return (
        left < text.left + text.width
        and right > text.left
        and top < text.y + 1
        and bottom > text.y - text.size * 0.75
    )


def covered(line: Polyline, text: Text, drawing: Drawing) -> bool:
    """Whether a box that was painted later hides the line behind the text: a store's rail."""
    later = drawing.shapes[drawing.shapes.index(line) :]
    return line.look == "rail" and any(
        isinstance(shape, Box) and contains(shape, text.x, text.y - 2) for shape in later
    )
