"""The usual fixes for double slashes and encoded queries, each put in our place: each fails.

They are what one finds when one looks for a fix; research with real servers showed how each of
them breaks. A conformance suite that lets one of them pass would be worth little.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from local.edge_process import IMAGE
from tests.edge.corpus import differences, rows
from tests.edge.invariants import violations

_CLASSES = {
    "acl-bypass", "baseline", "double-slash", "encoded-query", "internal-location", "open-redirect",
    "dot-segment", "encoded-slash", "characters", "double-encoding", "semicolon", "overlong-utf8",
}  # fmt: skip
ROWS = [row for row in rows() if row.cls in _CLASSES]

_RULES = (IMAGE / "conf" / "rules.conf").read_text()
_REPAIRS = _RULES[_RULES.index("# The encoded query") : _RULES.index("include answer-headers")]

Mutation = Callable[[dict[str, str]], None]


def instead_of_the_repairs(text: str) -> Mutation:
    def mutate(conf: dict[str, str]) -> None:
        conf["rules.conf"] = _swap(conf["rules.conf"], _REPAIRS, text + "\n")

    return mutate


def forwarding_to(target: str) -> Mutation:
    def mutate(conf: dict[str, str]) -> None:
        conf["app-plain.conf"] = _swap(
            conf["app-plain.conf"], "proxy_pass http://app;", f"proxy_pass {target};"
        )

    return mutate


def without(file: str, text: str) -> Mutation:
    def mutate(conf: dict[str, str]) -> None:
        conf[file] = _swap(conf[file], text, "")

    return mutate


def relative(mutation: Mutation) -> Mutation:
    def mutate(conf: dict[str, str]) -> None:
        mutation(conf)
        conf["bounds.conf"] = _swap(
            conf["bounds.conf"], "absolute_redirect on", "absolute_redirect off"
        )

    return mutate


NAIVE = {
    "redirect to the decoded path": instead_of_the_repairs(
        'if ($request_uri ~ "//") { return 301 $uri$is_args$args; }'
    ),
    "redirect to captures": relative(
        instead_of_the_repairs("merge_slashes off; rewrite ^(.*)//+(.*)$ $1/$2 permanent;")
    ),
    "cut a trailing slash": relative(
        instead_of_the_repairs("merge_slashes off; rewrite ^/(.*)/$ /$1 permanent;")
    ),
    "cut leading slashes": instead_of_the_repairs("merge_slashes off; rewrite ^/+(.*)$ /$1 last;"),
    "a question mark in the replacement": instead_of_the_repairs(r"rewrite ^(.*)\?(.*)$ $1?$2;"),
    "captures of the raw target": instead_of_the_repairs(
        'if ($request_uri ~* "^/(?<a>.*)%3f(?<b>.*)$") { rewrite ^ /$a?$b; }'
    ),
    "forward the decoded path": forwarding_to("http://app$uri$is_args$args"),
    "forward with a path": forwarding_to("http://app/"),
    "forward as it is": instead_of_the_repairs(""),
}
GUARDS = {
    "no closed route": without("routes.conf", "location /admin { rewrite ^ /_edge/403 last; }"),
    "no reserved names": without(
        "rules.conf", "if ($edge_reserved) { rewrite ^ /_edge/404 last; }"
    ),
    "no refusals": without("rules.conf", "if ($edge_refusal) { rewrite ^ /_edge/400 last; }"),
    "a backslash written as one": lambda conf: conf.update(
        {"shapes.conf": _swap(conf["shapes.conf"], r"(?:\x5c|%5[cC])", r"(?:\|%5[cC])")}
    ),
}


def _swap(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
    return text.replace(old, new)


@pytest.fixture
def mutated(launch, upstream, tmp_path):
    """`mutated(mutation)`: an edge whose configuration was changed so."""

    def mutated(mutation: Mutation):
        conf = {file.name: file.read_text() for file in (IMAGE / "conf").iterdir()}
        mutation(conf)
        folder = tmp_path / "conf"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, text in conf.items():
            Path(folder / name).write_text(text)
        return launch(app_address=f"127.0.0.1:{upstream.port}", conf=folder)

    return mutated


@pytest.mark.parametrize("name", [*NAIVE, *GUARDS])
def test_fails_with(mutated, upstream, name):
    edge = mutated((NAIVE | GUARDS)[name])
    assert [what for row in ROWS for what in differences(row, edge.address, upstream)] != []
    edge.stop()


@pytest.mark.parametrize("name", [name for name in NAIVE if name != "redirect to the decoded path"])
def test_breaks_an_invariant_with(mutated, name):
    edge = mutated(NAIVE[name])
    assert violations(edge.port, seed=7, count=1_500) != []
    edge.stop()


def test_every_refusal_is_needed(mutated, upstream):
    """Each expression of the map taken away: the corpus notices."""
    shapes = (IMAGE / "conf" / "shapes.conf").read_text()
    block = shapes[shapes.index('    "~#" fragment') :].partition("\n}")[0]
    lines = [line for line in block.splitlines() if line.startswith('    "~')]
    assert len(lines) == 10
    unnoticed = []
    for line in lines:
        edge = mutated(without("shapes.conf", line))
        if not any(differences(row, edge.address, upstream) for row in ROWS):
            unnoticed.append(line)
        edge.stop()
    assert unnoticed == []
