"""The full run fails when a claim marked built has no passing test; a partial run says nothing."""

import functools
import os
import subprocess
import sys

import pytest

CLAIM = """
[[claim]]
id = "{id}"
source = "whitepaper"
section = "A heading"
sentence = "{id}"
reality = "Possible."
built = "All of it."
status = "{status}"
resources = {resources}
tests = {tests}
{missing}
"""

TESTS = """
import pytest

def test_passes(): pass

class TestGroup:
    def test_passes(self): pass

@pytest.mark.parametrize("n", [1, 2])
def test_all_pass(n): pass
"""


@pytest.fixture
def run(tmp_path):
    """A real pytest run, in a process of its own, of a project with those claims and tests."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\ntestpaths = tests\naddopts = -p review.claims.plugin -p no:cacheprovider\n"
        "markers = account: needs an account\n"
    )

    def pytest_run(*arguments: str, claims: str, tests: str = TESTS):
        (tmp_path / "docs" / "claims.toml").write_text(claims, encoding="utf-8")
        (tmp_path / "tests" / "test_it.py").write_text(tests, encoding="utf-8")
        return subprocess.run(
            [sys.executable, "-m", "pytest", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTEST_ADDOPTS": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            capture_output=True,
            text=True,
            check=False,
        )

    return pytest_run


def claim(status: str, *tests: str, name: str = "a-claim") -> str:
    carried = status in ("built", "partly built")
    return CLAIM.format(
        id=name,
        status=status,
        resources=["AWS::ECS::Service"] if carried else [],
        tests=list(tests),
        missing='missing = "The rest."' if status == "partly built" else "",
    )


def node(name: str) -> str:
    return f"tests/test_it.py::{name}"


UNPROVEN = {
    "fails": ("def test_it(): assert False", "failed"),
    "skipped": ("import pytest\ndef test_it(): pytest.skip()", "skipped"),
    "expected to fail": (
        "import pytest\n@pytest.mark.xfail\ndef test_it(): assert False",
        "skipped or expected to fail",
    ),
    "expected to fail but passes": (
        "import pytest\n@pytest.mark.xfail\ndef test_it(): pass",
        "skipped or expected to fail",
    ),
    "one parameter skipped": (
        "import pytest\n@pytest.mark.parametrize('n', [1, 2])\n"
        "def test_it(n):\n    if n == 2: pytest.skip()",
        "skipped",
    ),
    "teardown fails": (
        "import pytest\n@pytest.fixture\ndef broken():\n    yield\n    assert False\n"
        "def test_it(broken): pass",
        "failed",
    ),
    "module skipped": (
        "import pytest\npytest.skip(allow_module_level=True)\ndef test_it(): pass",
        "did not run",
    ),
    "missing": ("def test_other(): pass", "did not run"),
}


@pytest.mark.parametrize(("tests", "why"), UNPROVEN.values(), ids=UNPROVEN)
def test_a_built_claim_without_a_passing_test_fails_the_run(run, tests, why):
    result = run(claims=claim("built", node("test_it")), tests=tests)
    assert result.returncode == 1
    assert f"a-claim: tests/test_it.py::test_it {why}" in result.stdout


def test_a_built_claim_that_names_no_test_fails_the_run(run):
    result = run(claims=claim("built"))
    assert result.returncode == 1
    assert "'a-claim': 'tests' should name at least one" in result.stdout


def test_a_partly_built_claim_needs_a_passing_test_too(run):
    result = run(claims=claim("partly built", node("test_gone")))
    assert result.returncode == 1
    assert "a-claim: tests/test_it.py::test_gone did not run" in result.stdout


def test_a_built_claim_that_still_waits_for_its_test_fails_the_run(run):
    result = run(claims=claim("built", "TO FILL"))
    assert result.returncode == 1
    assert "a-claim: is built but names no test yet" in result.stdout


def test_built_claims_with_passing_tests_pass(run):
    """Named by function, method, parametrised function and one of its parameters."""
    tests = ("test_passes", "TestGroup::test_passes", "test_all_pass", "test_all_pass[2]")
    claims = [claim("built", node(test), name=f"claim-{n}") for n, test in enumerate(tests)]
    result = run(claims="".join(claims))
    assert result.returncode == 0, result.stdout
    assert "claims: all 4 that are built are proven" in result.stdout


def test_one_passing_test_does_not_prove_a_claim_that_names_two(run):
    result = run(claims=claim("built", node("test_passes"), node("test_gone")))
    assert result.returncode == 1
    assert "a-claim: tests/test_it.py::test_gone did not run" in result.stdout


def test_claims_that_are_not_built_need_no_test(run):
    claims = claim("planned", name="one") + claim("not a claim of software", name="two")
    result = run(claims=claims)
    assert result.returncode == 0, result.stdout
    assert "claims: all 0 that are built are proven" in result.stdout


@pytest.mark.parametrize(
    "part",
    [
        ["-k", "passes"],
        ["tests/test_it.py"],
        ["--deselect", node("test_passes")],
        ["-x", "-m", "a"],
    ],
    ids=["keyword", "path", "deselect", "mark"],
)
def test_a_partial_run_is_not_held_against_the_claims(run, part):
    result = run(*part, claims=claim("built", node("test_gone")))
    assert result.returncode in (0, pytest.ExitCode.NO_TESTS_COLLECTED)
    assert "claims: not held against this run" in result.stdout


@pytest.mark.parametrize("whole", ["tests", "."])
def test_naming_the_whole_suite_is_a_full_run(run, whole):
    assert run(whole, claims=claim("built", node("test_gone"))).returncode == 1


def test_leaving_out_what_needs_an_account_is_still_a_full_run(run):
    """And such a test proves nothing while it is left out."""
    tests = TESTS + "\n@pytest.mark.account\ndef test_real(): pass\n"
    arguments = ["-m", "not account"]
    proven = run(*arguments, claims=claim("built", node("test_passes")), tests=tests)
    assert "claims: all 1 that are built are proven" in proven.stdout
    unproven = run(*arguments, claims=claim("built", node("test_real")), tests=tests)
    assert unproven.returncode == 1


def test_an_unreadable_ledger_fails_the_full_run(run):
    result = run(claims="[[claim]")
    assert result.returncode == 1
    assert "claims.toml cannot be read" in result.stdout


@pytest.fixture
def run_in_workers(run, tmp_path):
    """Run it in two workers of pytest-xdist, each with a file of its own."""
    (tmp_path / "tests" / "test_other.py").write_text("def test_other(): pass\n", encoding="utf-8")
    return functools.partial(run, "-p", "xdist.plugin", "-n", "2", "--dist", "loadfile")


OTHER = "tests/test_other.py::test_other"


def test_claims_are_proven_by_the_tests_of_all_workers(run_in_workers):
    result = run_in_workers(claims=claim("built", node("test_passes"), OTHER))
    assert result.returncode == 0, result.stdout
    assert "claims: all 1 that are built are proven" in result.stdout


@pytest.mark.parametrize("wrong", ["fails", "skipped", "one parameter skipped", "missing"])
def test_a_built_claim_without_a_passing_test_in_any_worker_fails_the_run(run_in_workers, wrong):
    tests, why = UNPROVEN[wrong]
    result = run_in_workers(claims=claim("built", node("test_it"), OTHER), tests=tests)
    assert result.returncode == 1
    assert f"a-claim: tests/test_it.py::test_it {why}" in result.stdout


def test_a_built_claim_whose_test_ends_its_worker_fails_the_run(run_in_workers):
    tests = "import os\ndef test_it(): os._exit(3)\n"
    result = run_in_workers(claims=claim("built", node("test_it"), OTHER), tests=tests)
    assert result.returncode == 1
    assert "a-claim: tests/test_it.py::test_it failed" in result.stdout


@pytest.mark.parametrize(
    "part",
    [["-k", "passes"], ["--deselect", node("test_passes")], ["-m", "a"]],
    ids=["keyword", "deselect", "mark"],
)
def test_what_workers_leave_out_is_not_held_against_the_claims(run_in_workers, part):
    result = run_in_workers(*part, claims=claim("built", node("test_gone")))
    assert result.returncode in (0, pytest.ExitCode.NO_TESTS_COLLECTED)
    assert "claims: not held against this run" in result.stdout


def test_workers_that_leave_out_what_needs_an_account_are_still_a_full_run(run_in_workers):
    tests = TESTS + "\n@pytest.mark.account\ndef test_real(): pass\n"
    arguments = ["-m", "not account"]
    proven = run_in_workers(*arguments, claims=claim("built", OTHER), tests=tests)
    assert "claims: all 1 that are built are proven" in proven.stdout
    unproven = run_in_workers(*arguments, claims=claim("built", node("test_real")), tests=tests)
    assert unproven.returncode == 1
