"""The legacy chain, a real Apache and all, beside the edge: what differs, and how it is told."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from doubles.recording_upstream import RecordingUpstream
from local.waiting import wait_until
from migration import __main__ as edge_diff
from migration import chains
from migration.comparison import APP, ChainComparison, compared, outcome
from migration.requests import corpus, of_log
from migration.traffic_shift import accepted
from migration.traffic_shift.accepted import Accepted
from migration.traffic_shift.shapes import shape_of


@pytest.fixture(scope="module")
def app() -> Iterator[RecordingUpstream]:
    with RecordingUpstream() as app:
        yield app


@pytest.fixture(scope="module")
def both(app, tmp_path_factory) -> Iterator[tuple[chains.Chain, chains.Chain]]:
    """The legacy chain and the edge, running."""
    folder, address = tmp_path_factory.mktemp("both"), f"127.0.0.1:{app.port}"
    with (
        chains.legacy(folder / "legacy", address, body_seconds=1) as legacy,
        chains.edge(folder / "new", address) as new,
    ):
        yield legacy, new


@pytest.fixture(scope="module")
def compare(both, app):
    """`compare(requests, accepted)`: with the shipped list, unless another is given."""

    def compare(requests, allowed: Accepted | None = None) -> ChainComparison:
        legacy, new = both
        return compared(
            requests, legacy=legacy, new=new, app=app, accepted=allowed or accepted.load()
        )

    return compare


@pytest.fixture(scope="module")
def whole(compare) -> ChainComparison:
    """The comparison of the whole corpus."""
    return compare(corpus())


def test_every_difference_on_the_corpus_is_accepted_with_a_reason(whole):
    assert whole.requests == 233
    assert [f"{each.request.name}: {each.kind}" for each in whole.unlisted] == []


def test_there_are_differences_to_accept(whole):
    """Or the comparison would compare a chain with itself."""
    kinds = {each.kind for each in whole.differences}
    assert len(kinds) > 30
    assert ("dot-segment", "app", "400") in kinds
    assert ("framing", "app", "400") in kinds


def test_no_entry_of_the_shipped_list_is_about_nothing(whole):
    used = {id(each.accepted) for each in whole.differences}
    assert len(used) == len(accepted.load().differences)


def test_the_legacy_chain_does_with_each_request_what_it_does_again(whole):
    assert whole.unsteady == ()


LINES = {
    "combined": '192.0.2.1 - - [02/Mar/2026:12:00:00 +0000] "GET {} HTTP/1.1" 200 12 "-" "curl"',
    "load balancer": 'h2 2026-03-02T12:00:00.0Z app/x/1 192.0.2.1:1 - 0 0 0 200 200 1 1 "GET '
    'https://acme.id.example.com:443{} HTTP/2.0" "curl" - - - "Root=1"',
    "json": '{{"time":"2026-03-02","method":"GET","path":"{}","status":200}}',
}


@pytest.mark.parametrize("form", LINES)
def test_a_log_s_requests_are_read_from_each_format(form):
    targets = ["/api/v1/users?limit=1", "//api", "/a%3Fb", "/api/v1/users?limit=1"]
    requests = of_log(LINES[form].format(target) for target in targets)
    assert [(each.name, each.times) for each in requests] == [
        ("GET /api/v1/users?limit=1", 2),
        ("GET //api", 1),
        ("GET /a%3Fb", 1),
    ]


def test_what_a_log_wrote_escaped_is_sent_as_it_came():
    (request,) = of_log([LINES["combined"].format('/a\\x7cb\\"c\\\\d')])
    assert request.bytes("1").startswith(b'GET /a|b"c\\d HTTP/1.1\r\n')


@pytest.mark.parametrize("line", ["", "{", "{}", '{"path": 1}', '"-" 400', "GET / HTTP/1.1"])
def test_a_line_without_a_request_is_left_out(line):
    assert of_log([line]) == []


@pytest.mark.parametrize(
    "target", ["//api/v1/users", "/api/v1/users%3Flimit=1", "/api/v1/users%3Flimit%3D1"]
)
def test_what_the_legacy_chain_repaired_is_repaired_alike(compare, both, app, target):
    (request,) = of_log([LINES["combined"].format(target)])
    assert compare([request]).differences == ()
    (_, path) = outcome(request, both[1], app).seen[0]
    assert "//" not in path
    assert "%3F" not in path


@pytest.mark.parametrize("target", ["//api/v1/users", "/api/v1/users%3Flimit=1"])
def test_nginx_without_the_repairs_sends_on_what_a_strict_app_refuses(app, tmp_path, target):
    (request,) = of_log([LINES["combined"].format(target)])
    with chains.plain_nginx(tmp_path, f"127.0.0.1:{app.port}") as plain:
        assert outcome(request, plain, app).statuses == (404,)
        assert outcome(request, plain, app).seen == (("GET", target),)


def test_two_spellings_of_one_target_are_told_from_two_targets(compare):
    at, question = (LINES["combined"].format(f"/who{each}me") for each in ("%40", "%3F"))
    words = {
        each.request.name: each.kind[2] for each in compare(of_log([at, question])).differences
    }
    assert words == {"GET /who%40me": "spelling", "GET /who%3Fme": "other"}


def test_an_unlisted_difference_fails_and_is_shown(tmp_path, capsys):
    """The shipped list without its entry about semicolons, and a log that has one."""
    log, shortened, out = (tmp_path / name for name in ("log", "accepted.toml", "out.json"))
    log.write_text(3 * (LINES["combined"].format("/api;v=1") + "\n"))
    entries = accepted.FILE.read_text().split("[[accepted]]")
    kept = [entry for entry in entries if 'shape = "path-param"' not in entry]
    shortened.write_text("[[accepted]]".join(kept))
    arguments = ["--log", str(log), "--accepted", str(shortened), "--out", str(out)]
    assert edge_diff.main(arguments) == 1
    said = capsys.readouterr().out
    assert said.startswith("UNLISTED  path-param: app -> 400  (3 kinds of request, 5 in all)")
    assert "GET /api;v=1" in said
    unlisted = [each for each in json.loads(out.read_text())["differences"] if not each["accepted"]]
    assert {"request": "GET /api;v=1", "times": 3}.items() <= unlisted[-1].items()


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file"), ("nothing of use\n", "'LOG' should be an access log")],
)
def test_fails_on_a_log_that_cannot_be_used(tmp_path, capsys, content, said):
    log = tmp_path / "log"
    if content is not None:
        log.write_text(content)
    assert edge_diff.main(["--log", str(log)]) == 2
    assert said in capsys.readouterr().err


def test_fails_with_the_mend_where_apache_is_not_installed(tmp_path, monkeypatch, app):
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with (
        pytest.raises(FileNotFoundError, match="apt-get install apache2-bin"),
        chains.legacy(tmp_path, f"127.0.0.1:{app.port}"),
    ):
        pass


def test_the_edge_labels_a_target_as_the_comparison_of_a_shift_does(both, app):
    """One vocabulary: else a shape that the shift finds could not be found in the edge's log."""
    from doubles.wire import exchange

    labelled = 0
    for request in corpus():
        shape = request.shape
        target = request.raw.split(" ")[1] if " " in request.raw else ""
        if not target.startswith("/") or shape != shape_of(target):
            continue  # refused for its head, or not in origin form
        answer = exchange(both[1].address, request.bytes("label"), expected=request.answers)[0]
        reason = answer.headers.get("x-edge-reason", "")
        repaired = answer.headers.get("x-edge-normalized", "")
        if reason not in ("", "closed-route", "malformed", "target-size"):
            assert reason == {"reserved-path": "reserved"}.get(shape, shape), request.name
        elif reason != "malformed":
            own = shape.replace("question-mark-as-data", "").strip("+").replace("plain", "")
            assert repaired == own, request.name
        labelled += 1
    assert labelled > 100


def test_nothing_of_a_chain_outlives_it(app, tmp_path):
    from local.process import marked

    with chains.legacy(tmp_path, f"127.0.0.1:{app.port}", mpm="prefork"):
        wait_until(lambda: len(marked(tmp_path)) > 10, "ten processes")
    wait_until(lambda: marked(tmp_path) == marked(tmp_path / "inner") == (), "their end")


def test_the_words_of_an_outcome(both, app):
    """A request that the edge refuses, and one that reaches the app."""
    refused, forwarded = of_log(LINES["combined"].format(each) for each in ("/a;b", "/login"))
    assert outcome(refused, both[1], app).word == "400"
    assert outcome(forwarded, both[1], app).word == APP
