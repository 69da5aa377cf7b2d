"""The shipped configuration read as nginx reads it: linted, and held to its own rules."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import crossplane
import pytest

from local.edge_process import LONGEST_REQUEST_SECONDS, edge_process
from service.api.gate import OWN_SHARE

Directive = dict[str, Any]


@pytest.fixture(scope="module", params=["plain", "tls"])
def rendered(request, tmp_path_factory) -> Path:
    """The configuration as entrypoint.sh fills it in, with a program that starts nothing."""
    run = tmp_path_factory.mktemp(request.param)
    shipped = edge_process(
        run=run, port=8443, app_address="app.test:443", nginx=Path("/bin/true"),
        listen=request.param, app=request.param,
        variables={"TRUSTED_PROXIES": "10.0.0.0/16", "LIMITS": "on"},
    )  # fmt: skip
    subprocess.run(shipped.command, env=shipped.variables, check=True)
    return run / "conf" / "nginx.conf"


@pytest.fixture(scope="module")
def directives(rendered) -> list[Directive]:
    """Every directive, files included in each other put together."""
    parsed = crossplane.parse(str(rendered), combine=True)
    assert parsed["status"] == "ok", parsed["errors"]
    return list(_all(parsed["config"][0]["parsed"]))


def _all(block: list[Directive]) -> Iterator[Directive]:
    for directive in block:
        yield directive
        yield from _all(directive.get("block", []))


def findings(configuration: Path) -> list[str]:
    """What gixy-next says of it."""
    gixy = Path(sys.executable).with_name("gixy")
    done = subprocess.run(
        [gixy, "--format", "json", str(configuration)], capture_output=True, text=True
    )
    return [f"{found['plugin']}: {found['summary']}" for found in json.loads(done.stdout)]


def test_gixy_finds_nothing(rendered):
    assert findings(rendered) == []


@pytest.mark.parametrize(
    "added",
    [
        # A location with one header of its own inherits none of the server's.
        {
            "gate.conf": "proxy_set_header B c;",
            "routes.conf": "location /x { proxy_set_header A b; proxy_pass http://app; }",
        },
        {"rules.conf": 'if ($request_uri ~ "//") { return 301 $uri; }'},
    ],
    ids=["headers lost", "redirect to the decoded path"],
)
def test_gixy_would_find(rendered, tmp_path, added):
    for source in rendered.parent.iterdir():
        (tmp_path / source.name).write_text(source.read_text() + added.get(source.name, ""))
    assert findings(tmp_path / "nginx.conf") != []


def test_no_variable_is_left_unfilled(rendered):
    for file in rendered.parent.iterdir():
        code = re.sub(r"^\s*#.*$", "", file.read_text(), flags=re.MULTILINE)
        assert not re.search(r"@[A-Z_]+@", code), file.name


def test_no_replacement_holds_a_question_mark(directives):
    rewrites = [one["args"] for one in directives if one["directive"] == "rewrite"]
    assert rewrites
    assert not [args for args in rewrites if "?" in args[1]]


def test_captures_have_names(directives):
    """Unnamed ones are overwritten by the next expression, and were part of two overflows."""
    unnamed = re.compile(r"(?<!\\)\((?!\?)")
    for one in directives:
        patterns = {"rewrite": one["args"][:1], "if": one["args"][2:]}.get(one["directive"], [])
        for pattern in patterns:
            assert not unnamed.search(re.sub(r"\[[^]]*\]", "", pattern)), (one["file"], one["line"])


def test_maps_decide_on_words_and_capture_nothing(directives):
    maps = [one for one in directives if one["directive"] == "map"]
    assert len(maps) > 10
    for one in maps:
        for row in one["block"]:
            assert not re.search(r"\$\d|\(\?<[a-z]", " ".join([row["directive"], *row["args"]]))


def test_nothing_is_forwarded_by_a_variable(directives):
    """A variable puts decoded bytes on the wire, or lets a client choose the host."""
    targets = [one["args"][0] for one in directives if one["directive"] == "proxy_pass"]
    assert set(targets) in ({"http://app"}, {"https://app"})
    assert len(targets) == 2


def test_every_location_that_forwards_says_who_the_client_is(directives):
    locations = [
        {(inner["directive"], *inner["args"][:1]) for inner in one["block"]}
        for one in directives
        if one["directive"] == "location"
    ]
    forwarding = [found for found in locations if ("proxy_pass",) in {key[:1] for key in found}]
    assert len(forwarding) == 2
    for found in forwarding:
        for header in ("Host", "X-Forwarded-For", "X-Edge-Verified", "X-HTTP-Method-Override"):
            assert ("proxy_set_header", header) in found


def test_every_location_with_a_header_of_its_own_has_all_of_them(directives):
    for one in directives:
        if one["directive"] != "location":
            continue
        added = {inner["args"][0] for inner in one["block"] if inner["directive"] == "add_header"}
        assert not added or {"X-Request-Id", "X-Edge-Mode", "X-Edge-Normalized"} <= added


def test_whoever_knows_more_gives_up_first_and_what_hangs_is_asked_once(directives):
    """The app, the edge, the balancers, whose idle time is the longest request itself."""

    def seconds(name: str) -> float:
        [value] = {one["args"][0] for one in directives if one["directive"] == name}
        return float(value[:-2]) / 1_000 if value.endswith("ms") else float(value[:-1])

    answer, connect = seconds("proxy_read_timeout"), seconds("proxy_connect_timeout")
    window = seconds("proxy_next_upstream_timeout")
    assert answer > OWN_SHARE * LONGEST_REQUEST_SECONDS
    # The last address is tried until the window's end, and takes its connection in time.
    assert answer + window + connect <= LONGEST_REQUEST_SECONDS
    assert window < answer
    [server] = [one["args"] for one in directives if one["directive"] == "server" and one["args"]]
    assert "max_fails=0" in server
