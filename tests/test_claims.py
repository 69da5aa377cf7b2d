"""The claims ledger is complete, sound, rendered, and names only tests that exist."""

from pathlib import Path

import pytest

from review.claims import page as claims
from review.claims.file import LedgerError, load
from review.claims.ledger import CARRIED, SOURCES, Claim, Ledger, Status, digest
from review.claims.plugin import name_problem

ROOT = Path(__file__).parents[1]

PLANNED = """
[[claim]]
id = "logins-go-on"
source = "whitepaper"
section = "A heading"
sentence = "Logins go on."
reality = "Possible."
built = "A login path without a master."
status = "planned"
resources = []
tests = []
"""


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return load(claims.LEDGER)


@pytest.fixture
def problems_of(tmp_path):
    """What loading that text complains about."""

    def load_text(text: str) -> str:
        file = tmp_path / "claims.toml"
        file.write_text(text, encoding="utf-8")
        with pytest.raises(LedgerError) as error:
            load(file)
        return str(error.value)

    return load_text


def test_both_texts_are_covered_word_for_word(ledger):
    """The counts and digests were taken from the texts, which are not part of this repository."""
    assert tuple(source.name for source in ledger.sources) == SOURCES
    for source in ledger.sources:
        words = ledger.words(source.name)
        assert (len(words), digest(words)) == (source.words, source.sha256)


def test_ids_and_sentences_are_unique(ledger):
    ids = [claim.id for claim in ledger.claims]
    sentences = [row.sentence for row in (*ledger.claims, *ledger.omitted)]
    assert len(ids) == len(set(ids))
    assert len(sentences) == len(set(sentences))


def test_every_status_is_one_of_four(ledger):
    assert {claim.status for claim in ledger.claims} <= set(Status)


def test_carried_claims_name_resources_and_tests_and_no_others_do(ledger):
    for claim in ledger.claims:
        carried = claim.status in CARRIED
        assert (bool(claim.tests), bool(claim.resources)) == (carried, carried), claim.id


def test_partly_built_claims_say_what_is_missing(ledger):
    for claim in ledger.claims:
        assert bool(claim.missing) == (claim.status == Status.PARTLY_BUILT), claim.id


def test_every_named_test_exists(ledger):
    """By reading the source, so that a run of this file alone notices a test that went away."""
    named = [(claim.id, test) for claim in ledger.claims for test in claim.tests]
    wrong = [f"{claim}: {why}" for claim, test in named if (why := name_problem(ROOT, test))]
    assert not wrong, "\n" + "\n".join(wrong)


def test_the_page_is_up_to_date(capsys):
    assert claims.main(["--check"]) == 0, capsys.readouterr().err


def test_the_page_starts_with_the_counts(ledger):
    heading, _, counts, *_ = claims.render(ledger).splitlines()
    assert heading == "# The claims"
    assert counts.startswith(f"{len(ledger.claims)} claims: ")
    for status in Status:
        number = sum(claim.status == status for claim in ledger.claims)
        assert f"{number} {status.value}" in counts


def test_check_fails_on_an_outdated_page(tmp_path, capsys):
    page = tmp_path / "claims.md"
    assert claims.main(["--check"], page=page) == 1
    assert claims.main([], page=page) == 0
    assert claims.main(["--check"], page=page) == 0
    page.write_text(page.read_text(encoding="utf-8") + "by hand\n", encoding="utf-8")
    assert claims.main(["--check"], page=page) == 1
    assert "claims.md is out of date, run: .venv/bin/python -m review.claims" in (
        capsys.readouterr().err
    )


def test_a_bar_in_a_sentence_does_not_break_its_row():
    claim = Claim(
        id="a-bar",
        source="whitepaper",
        section="A heading",
        sentence="READ_WRITE | READ_ONLY",
        reality="Possible.",
        built="A mode.",
        status="planned",
        resources=(),
        tests=(),
    )
    page = claims.render(Ledger(sources=(), claims=(claim,), omitted=()))
    assert "READ_WRITE \\| READ_ONLY" in page


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('status = "planned"', 'status = "done"', "'status' should be one of built, partly built"),
        ('status = "planned"', 'status = "built"', "'tests' should name at least one"),
        ('status = "planned"', 'status = "partly built"', "'missing' should say what is not"),
        ("tests = []", 'tests = ["tests/test_x.py::test_y"]', "'tests' should be empty while"),
        ("resources = []", 'resources = ["AWS::S3::Bucket"]', "'resources' should be empty while"),
        ('reality = "Possible."', "", "'reality' is missing, add it"),
        ('reality = "Possible."', 'reality = ""', "'reality' should be a filled str, got ''"),
        ('reality = "Possible."', 'realty = "Possible."', "unknown key 'realty'"),
        ('source = "whitepaper"', 'source = "press"', "should be one of whitepaper, edge article"),
        ("tests = []", 'tests = []\nmissing = "All."', "'missing' belongs to partly built claims"),
    ],
)
def test_fails_on_an_unsound_claim(problems_of, old, new, problem):
    assert problem in problems_of(PLANNED.replace(old, new))


def test_fails_on_a_test_that_is_no_test_id(problems_of):
    built = PLANNED.replace("planned", "built").replace("tests = []", 'tests = ["test_y"]')
    assert "should hold ids like tests/test_x.py::test_y, got 'test_y'" in problems_of(built)


def test_fails_on_a_duplicate(problems_of):
    problems = problems_of(PLANNED + PLANNED)
    assert "'logins-go-on': 2 claims have this id" in problems
    assert "'Logins go on.': the sentence stands 2 times" in problems


def test_fails_on_a_lost_word(problems_of):
    source = f'[[source]]\nname = "whitepaper"\nwords = 6\nsha256 = "{digest(["Logins"])}"\n'
    assert "a sentence was lost or edited" in problems_of(source + PLANNED)


def test_reports_every_problem_at_once_with_its_claim(problems_of):
    other = PLANNED.replace("logins-go-on", "other").replace("Logins", "Others")
    problems = problems_of(PLANNED.replace("planned", "done") + other.replace("planned", "built"))
    assert "'logins-go-on': 'status' should be" in problems
    assert "'other': 'tests' should name" in problems
    assert problems.startswith("claims.toml has 3 problems:")


@pytest.mark.parametrize(
    ("test", "problem"),
    [
        ("tests/test_claims.py::test_fails_on_a_duplicate", None),
        ("tests/test_claims.py::test_fails_on_an_unsound_claim[one]", None),
        (
            "tests/test_claims.py::test_fails_on_a_duplicat",
            "did you mean test_fails_on_a_duplicate?",
        ),
        ("tests/test_gone.py::test_any", "there is no file tests/test_gone.py"),
        ("tests/test_claims.py::TestGroup::test_any", "has no TestGroup"),
        ("TO FILL", "names no test yet"),
    ],
)
def test_finds_a_test_by_its_name(test, problem):
    found = name_problem(ROOT, test)
    assert found is None if problem is None else problem in (found or "")
