"""`mainstay tenant top | limit | block | free | show`: who asks how much, and one who is stopped.

A rule of the Region's web ACL does it, in front of everything of ours. It stands until `free`, or
until a deploy that changes the web ACL.
"""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from typing import Any

import click

from cli.command import EXIT_CODES, SETTINGS, as_json, on_environment
from cli.deployed import Deployed
from cli.errors import CommandRefusedError, NotDeployedError
from cli.output import answer, progress, table

# Of the edge's log; nginx/conf/log.conf has the names. What a status means is counted here.
QUERY = """
stats count(*) as requests by {by}, status
| sort requests desc
| limit 1000
""".strip()
COUNTED_BY = ("tenant", "client", "refused", "path")  # fields of that log
_SHOWN = 20
_QUERY_SECONDS = 120
_POLL_SECONDS = 1.0
_RULE = "ByHand"
_WINDOW_SECONDS = 60
LEAST_PER_MINUTE = 10  # AWS WAF, RateBasedStatement, Limit
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@click.group(epilog=EXIT_CODES, context_settings=SETTINGS)
def tenant() -> None:
    """See which tenant asks how much, limit one, block one."""


@tenant.command()
@click.option(
    *("--per", "per"),
    type=click.Choice(COUNTED_BY),
    default="tenant",
    show_default=True,
    help="`refused`: why the edge answered by itself.",
)
@click.option("--minutes", type=click.IntRange(1, 1_440), default=15, show_default=True)
@as_json
@on_environment
def top(deployed: Deployed, per: str, minutes: int, as_json: bool) -> None:
    """Show who asked most in the last minutes, by the edge's log."""
    logs, now = deployed.client("logs"), int(time.time())
    query = logs.start_query(
        logGroupName=_log_group(deployed),
        startTime=now - 60 * minutes,
        endTime=now,
        queryString=QUERY.format(by=per),
    )["queryId"]
    found = [{each["field"]: each["value"] for each in row} for row in _results(logs, query)]
    rows = _asking(found, per)
    if as_json:
        for row in rows:
            answer(row, as_json=True)
        return
    table((per, "requests", "limited", "failed"), [tuple(row.values()) for row in rows])


def _asking(found: list[dict[str, str]], by: str) -> list[dict[str, Any]]:
    """Return who asked most, and how many of the requests were answered 429 and 5xx."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in found:
        requests, status = int(float(row["requests"])), row.get("status", "")
        counts[row.get(by) or "(none)"]["requests"] += requests
        if status == "429":
            counts[row.get(by) or "(none)"]["limited"] += requests
        if status.startswith("5"):
            counts[row.get(by) or "(none)"]["failed"] += requests
    most = sorted(counts.items(), key=lambda each: -each[1]["requests"])[:_SHOWN]
    return [
        {by: name, **{each: count[each] for each in ("requests", "limited", "failed")}}
        for name, count in most
    ]


@tenant.command()
@click.argument("name")
@click.option("--per-minute", type=click.IntRange(LEAST_PER_MINUTE), required=True)
@as_json
@on_environment
def limit(deployed: Deployed, name: str, per_minute: int, as_json: bool) -> None:
    """Let a tenant's host have so many requests a minute, all clients together."""
    host = _host(name)
    statement = {
        "RateBasedStatement": {
            "Limit": per_minute,
            "EvaluationWindowSec": _WINDOW_SECONDS,
            "AggregateKeyType": "CONSTANT",
            "ScopeDownStatement": host,
        }
    }
    _put(deployed, name, statement, as_json=as_json, done=f"{per_minute} requests a minute")


@tenant.command()
@click.argument("name")
@as_json
@on_environment
def block(deployed: Deployed, name: str, as_json: bool) -> None:
    """Refuse every request to a tenant's host with 403."""
    _put(deployed, name, _host(name), as_json=as_json, done="blocked")


@tenant.command()
@click.argument("name")
@as_json
@on_environment
def free(deployed: Deployed, name: str, as_json: bool) -> None:
    """Take back what `limit` or `block` set."""
    _put(deployed, name, None, as_json=as_json, done="free")


@tenant.command()
@as_json
@on_environment
def show(deployed: Deployed, as_json: bool) -> None:
    """Show which tenants are limited or blocked by hand."""
    _, found, _ = _web_acl(deployed)
    held = [each["Name"] for each in found["Rules"] if each["Name"].startswith(_RULE)]
    answer({"region": deployed.region, "held": held}, as_json=as_json)


def _log_group(deployed: Deployed) -> str:
    for logical, name in deployed.resources("logs", "AWS::Logs::LogGroup"):
        if logical.startswith("LogsEdge"):
            return name
    raise NotDeployedError(f"'{deployed.stack('logs')}' has no log group of the edge")


def _results(logs: Any, query: str) -> list[list[dict[str, str]]]:
    limit = time.monotonic() + _QUERY_SECONDS
    with progress("polls of the query") as advance:
        while time.monotonic() < limit:
            found = logs.get_query_results(queryId=query)
            if found["status"] == "Complete":
                return found["results"]
            if found["status"] not in ("Scheduled", "Running"):
                raise CommandRefusedError(f"the query is {found['status']}: ask for fewer minutes")
            advance(1)
            time.sleep(_POLL_SECONDS)
    raise CommandRefusedError(f"no answer within {_QUERY_SECONDS} s: ask for fewer --minutes")


def _host(name: str) -> dict[str, Any]:
    """Return a statement that matches a tenant's host in every spelling of its letters."""
    if not _LABEL.fullmatch(name):
        raise CommandRefusedError(f"'name' should be a tenant's label, such as acme, got '{name}'")
    return {
        "ByteMatchStatement": {
            "SearchString": f"{name}.".encode(),
            "FieldToMatch": {"SingleHeader": {"Name": "host"}},
            "TextTransformations": [{"Priority": 0, "Type": "LOWERCASE"}],
            "PositionalConstraint": "STARTS_WITH",
        }
    }


def _web_acl(deployed: Deployed) -> tuple[dict[str, str], dict[str, Any], str]:
    for _, physical in deployed.resources("edge", "AWS::WAFv2::WebACL"):
        name, identifier, scope = physical.split("|")
        place = {"Name": name, "Id": identifier, "Scope": scope}
        found = deployed.client("wafv2").get_web_acl(**place)
        return place, found["WebACL"], found["LockToken"]
    raise NotDeployedError(f"'{deployed.stack('edge')}' has no web ACL")


def _put(
    deployed: Deployed, name: str, statement: dict[str, Any] | None, *, as_json: bool, done: str
) -> None:
    """Put the one rule of a tenant before all others, or take it away, in every Region."""
    _host(name)
    for region in deployed.regions:
        there = deployed.beside(region)
        place, found, token = _web_acl(there)
        rules = [each for each in found["Rules"] if each["Name"] != f"{_RULE}-{name}"]
        rules.sort(key=lambda each: each["Priority"])
        if statement is not None:
            rules.insert(0, _rule(name, statement))
        for priority, rule in enumerate(rules):
            rule["Priority"] = priority
        there.client("wafv2").update_web_acl(
            **place,
            DefaultAction=found["DefaultAction"],
            VisibilityConfig=found["VisibilityConfig"],
            Rules=rules,
            LockToken=token,
        )
        answer({"region": region, "tenant": name, "now": done}, as_json=as_json)


def _rule(name: str, statement: dict[str, Any]) -> dict[str, Any]:
    return {
        "Name": f"{_RULE}-{name}",
        "Priority": 0,
        "Statement": statement,
        "Action": {"Block": {}},
        "VisibilityConfig": {
            "SampledRequestsEnabled": True,
            "CloudWatchMetricsEnabled": True,
            "MetricName": f"{_RULE}-{name}",
        },
    }
