"""Templates compared byte for byte with those of a git ref, by apps without the CDK."""

import json

import pytest

from assembly.command import answer
from review.same_templates import main
from tests.review.test_template_diff_base import commit, git, root, worktrees  # noqa: F401

HASHES = ("a" * 64, "b" * 64)
FUNCTION = {
    "Type": "AWS::Lambda::Function",
    "Properties": {
        "Code": {"S3Key": f"{HASHES[0]}.zip"},
        "Environment": {"Variables": {"MODE_ARN": "a", "TABLE": "MODE_ARN"}},
    },
}
TASK = {
    "Type": "AWS::ECS::TaskDefinition",
    "Properties": {
        "ContainerDefinitions": [
            {
                "Environment": [{"Name": "TABLE", "Value": "t"}, {"Name": "ZONE", "Value": "z"}],
                "Secrets": [{"Name": "PASSWORD_ARN", "ValueFrom": "s"}],
            }
        ]
    },
}

APP = """
import json, os, pathlib
out = pathlib.Path(os.environ["CDK_OUTDIR"])
out.mkdir()
resources = json.loads({resources!r})
properties = {{"templateFile": "App.template.json", "stackName": "app"}}
artifact = {{"type": "aws:cloudformation:stack", "properties": properties}}
(out / "App.template.json").write_text(json.dumps({{"Resources": resources}}, indent=1))
(out / "manifest.json").write_text(json.dumps({{"artifacts": {{"App": artifact}}}}))
"""


def app(**resources):
    return APP.format(resources=json.dumps(resources))


def changed(text, *pairs):
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.fixture
def compare(root, capsys):  # noqa: F811
    """Compares an app with another: exit code and output."""

    def compare(before, after, *, renamed=None, environment="small"):
        commit(root, {"app.py": before})
        (root / "app.py").write_text(after)
        if renamed is not None:
            (root / "review").mkdir(exist_ok=True)
            (root / "review" / "renamed_variables.toml").write_text(renamed)
        arguments = ["--base", "HEAD", *(["--environment", environment] if environment else [])]
        code = answer(lambda: main(arguments), "same templates")
        captured = capsys.readouterr()
        assert len(worktrees(root)) == 1
        return code, captured.out + (captured.err if code == 2 else "")

    return compare


BEFORE = app(Function=FUNCTION, Task=TASK)


def test_equal_templates_of_all_three_environments_are_counted(compare):
    code, out = compare(BEFORE, BEFORE, environment=None)
    assert code == 0
    assert out.splitlines() == [
        f"1 templates of {name}, 0 differ" for name in ("production", "small", "dev")
    ]


def test_the_hash_of_an_asset_is_no_difference(compare):
    assert compare(BEFORE, changed(BEFORE, HASHES)) == (0, "1 templates of small, 0 differ\n")


def test_a_difference_is_shown_as_a_diff(compare):
    code, out = compare(BEFORE, changed(BEFORE, ('"z"', '"y"')))
    assert code == 1
    assert "--- base/App.template.json" in out
    lines = [(line[0], line[1:].strip()) for line in out.splitlines() if line]
    assert ("-", '"Value": "z"') in lines
    assert ("+", '"Value": "y"') in lines
    assert out.endswith("1 templates of small, 1 differ\n")


def test_another_order_of_keys_is_a_difference(compare):
    turned = changed(
        BEFORE, ('"MODE_ARN": "a", "TABLE": "MODE_ARN"', '"TABLE": "MODE_ARN", "MODE_ARN": "a"')
    )
    assert compare(BEFORE, turned)[0] == 1


def test_a_template_that_is_new_differs(compare):
    after = BEFORE + '(out / "New.template.json").write_text("{}")\n'
    code, out = compare(BEFORE, after)
    assert code == 1
    assert "+++ New.template.json" in out


RENAMED = """
[variables]
MODE_ARN = "ZONE_OF_MODE"
PASSWORD_ARN = "SECRET"
ZONE = "AREA"
"""
AFTER = changed(
    BEFORE,
    ('"MODE_ARN": "a", "TABLE": "MODE_ARN"', '"TABLE": "MODE_ARN", "ZONE_OF_MODE": "a"'),
    ('{"Name": "TABLE", "Value": "t"}, {"Name": "ZONE", "Value": "z"}',
     '{"Name": "AREA", "Value": "z"}, {"Name": "TABLE", "Value": "t"}'),
    ('"Name": "PASSWORD_ARN"', '"Name": "SECRET"'),
)  # fmt: skip


def test_a_variable_may_be_renamed_where_the_map_says_so(compare):
    assert compare(BEFORE, AFTER)[0] == 1
    assert compare(BEFORE, AFTER, renamed=RENAMED) == (0, "1 templates of small, 0 differ\n")
    assert compare(BEFORE, BEFORE, renamed=RENAMED)[0] == 1


def test_a_renamed_variables_value_is_no_name(compare):
    """The value of TABLE is the text of an old name, and stays what it is."""
    wrong = changed(AFTER, ('"TABLE": "MODE_ARN"', '"TABLE": "ZONE_OF_MODE"'))
    assert compare(BEFORE, wrong, renamed=RENAMED)[0] == 1


@pytest.mark.parametrize("text", ["[variables", "[variables]\nA = 1\n"])
def test_a_map_that_is_none_is_refused(compare, text):
    code, out = compare(BEFORE, BEFORE, renamed=text)
    assert code == 2
    assert "renamed_variables.toml" in out


def test_a_base_without_an_app_is_refused(root, capsys):  # noqa: F811
    (root / "app.py").write_text(BEFORE)
    assert answer(lambda: main(["--base", "HEAD"]), "same templates") == 2
    assert "has no app.py: there is nothing to compare" in capsys.readouterr().err
