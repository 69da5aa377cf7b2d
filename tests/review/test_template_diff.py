"""The template diff on constructed changes: pairs of small templates through the command line."""

import json

import pytest

from review.template_diff.__main__ import main
from review.template_diff.markdown import LIMIT

TRUSTED = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2"}}


def resource(type_, properties=None, path=None, **attributes):
    metadata = {"Metadata": {"aws:cdk:path": path}} if path else {}
    return {"Type": type_, "Properties": properties or {}, **metadata, **attributes}


def role(*actions):
    statement = {"Effect": "Allow", "Action": [*actions], "Resource": "arn:aws:s3:::dumps/*"}
    policies = [{"PolicyName": "P", "PolicyDocument": {"Statement": [statement]}}]
    trust = {"Statement": [TRUSTED]}
    return resource("AWS::IAM::Role", {"AssumeRolePolicyDocument": trust, "Policies": policies})


def test_is_silent_about_equal_templates(diff):
    queue = resource("AWS::SQS::Queue")
    assert diff.one(queue, queue) == (0, "**No difference between the templates.**\n")


def test_passes_a_harmless_change(diff):
    before = resource("AWS::SNS::Topic", {"DisplayName": "a"}, path="App/Topic/Resource")
    after = resource(
        "AWS::SNS::Topic",
        {"DisplayName": "b", "Tags": [{"Key": "owner", "Value": "identity"}]},
        path="App/Alerts/Resource",
    )
    code, out = diff(
        {"App": {"Description": "old", "Resources": {"X": before}}},
        {"App": {"Description": "new", "Resources": {"X": after}, "Outputs": {"O": {"Value": 1}}}},
    )
    assert code == 0
    assert out.startswith("**No dangerous change; 1 stack differs.**")
    assert "| App |  | 0 | 1 | 0 |" in out
    assert "~ AWS::SNS::Topic App/Alerts/Resource [X]: DisplayName, Tags, (Metadata)" in out
    assert "outputs: O" in out


@pytest.mark.parametrize(
    ("policy", "fate"), [("Delete", "destroys it"), ("Retain", "leaves it in the account")]
)
def test_fails_on_a_removed_stateful_resource(diff, policy, fate):
    bucket = resource("AWS::S3::Bucket", path="App/Dumps/Resource", DeletionPolicy=policy)
    code, out = diff.one(bucket, None)
    assert code == 1
    assert "- `App/Dumps/Resource` (`X`): `AWS::S3::Bucket` is removed, and with it objects" in out
    assert f"DeletionPolicy {policy} {fate}" in out
    assert '[[change]]\nstack = "App"\nresource = "X"\ndanger = "stateful"\nreason = ""' in out


def test_fails_on_a_renamed_stateful_resource_but_passes_a_stateless_one(diff):
    both = {"Log": resource("AWS::Logs::LogGroup"), "Topic": resource("AWS::SNS::Topic")}
    code, out = diff({"App": both}, {"App": {f"{name}New": it for name, it in both.items()}})
    assert code == 1
    assert "1 of 1 dangerous change " in out
    assert "`Log`: `AWS::Logs::LogGroup` is removed" in out
    assert "| App |  | 2 | 0 | 2 |" in out


def test_fails_on_a_removed_stack_with_state(diff):
    data = {"Key": resource("AWS::KMS::Key"), "Topic": resource("AWS::SNS::Topic")}
    app = {"Topic": resource("AWS::SNS::Topic")}
    code, out = diff({"App": app, "Data": data}, {"App": app})
    assert code == 1
    assert "| Data | removed | 0 | 0 | 2 |" in out
    assert "`Key`: `AWS::KMS::Key` is removed, and with it everything encrypted with it" in out


def test_fails_on_termination_protection_switched_off(diff, tmp_path):
    for side, protected in (("before", True), ("after", False)):
        properties = {"templateFile": "App.template.json", "terminationProtection": protected}
        artifact = {"type": "aws:cloudformation:stack", "properties": properties}
        (tmp_path / side).mkdir()
        manifest = {"artifacts": {"App": artifact, "Other": {"type": "cdk:tree"}}}
        (tmp_path / side / "manifest.json").write_text(json.dumps(manifest))
    code, out = diff.one(resource("AWS::SNS::Topic"), resource("AWS::SNS::Topic"))
    assert code == 1
    assert "App: `App` (`stack`): loses its termination protection" in out


def test_fails_on_a_widened_role_and_passes_a_narrowed_one(diff):
    narrow, wide = role("s3:GetObject"), role("s3:GetObject", "s3:PutObject")
    code, out = diff.one(narrow, wide)
    assert code == 1
    assert "App: `X`: `AWS::IAM::Role` is widened. **Not acknowledged.**" in out
    assert "  - allows `s3:PutObject` on `arn:aws:s3:::dumps/*`" in out
    code, out = diff.one(wide, narrow)
    assert code == 0
    assert "The CDK's differ counts permissions of this stack as broadened" in out


def test_lists_a_new_stack_as_one_danger_of_each_kind(diff, acknowledge):
    stack = {
        "Role": role("s3:GetObject"),
        "Group": resource("AWS::EC2::SecurityGroup", {"GroupDescription": "g"}),
        "Data": resource("AWS::S3::Bucket"),
    }
    entry = acknowledge(resource="stack", danger="iam")
    code, out = diff({}, {"App": stack}, "--acknowledged", entry)
    assert code == 1
    assert "**1 of 2 dangerous changes not acknowledged" in out
    assert "App: `App` (`stack`): new stack, holders of permissions: 1. Acknowledged:" in out
    assert "new stack, opened security groups: 1. **Not acknowledged.**" in out


def test_refuses_a_missing_directory(tmp_path, capsys):
    assert main(["--before", str(tmp_path / "none"), "--after", str(tmp_path)]) == 2
    assert "/none' should be a synthesized assembly" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--before", "."], ["--base", "x", "--before", "."]])
def test_refuses_bad_usage(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "give either --base REF" in capsys.readouterr().err


def test_names_the_region_where_one_stack_name_serves_several(diff, tmp_path):
    topic = {"Resources": {"X": resource("AWS::SNS::Topic")}}
    for side, regions in (("before", ["us-east-1"]), ("after", ["us-east-1", "us-west-2"])):
        (tmp_path / side).mkdir()
        artifacts = {
            region: {
                "type": "aws:cloudformation:stack",
                "environment": f"aws://unknown-account/{region}",
                "properties": {"templateFile": f"{region}.template.json", "stackName": "Edge"},
            }
            for region in regions
        }
        (tmp_path / side / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    code, out = diff({"us-east-1": topic}, {"us-east-1": topic, "us-west-2": topic})
    assert code == 0
    assert "| Edge (unknown-account/us-west-2) | new | 1 | 0 | 0 |" in out
    assert "us-east-1" not in out


def test_looks_into_nested_stacks(diff):
    nested = resource("AWS::CloudFormation::Stack")
    nested["Metadata"] = {"aws:asset:path": "Inner.nested.template.json"}
    inner = {"Bucket": resource("AWS::S3::Bucket"), "Topic": resource("AWS::SNS::Topic")}
    name = "Inner.nested"
    before, after = {"App": {"N": nested}, name: inner}, {"App": {"N": nested}, name: {}}
    code, out = diff(before, after)
    assert code == 1
    assert "App/N: `Bucket`: `AWS::S3::Bucket` is removed" in out


def test_fits_a_comment_without_losing_count_of_the_dangers(diff):
    tables = {f"Table{number:04}": resource("AWS::DynamoDB::Table") for number in range(900)}
    code, out = diff({"App": tables}, {"App": {}})
    assert code == 1
    assert out.startswith("**900 of 900 dangerous changes not acknowledged; 1 stack differs.**")
    assert len(out) <= LIMIT
    shown = out.count("**Not acknowledged.**")
    assert f"{900 - shown} more dangers do not fit here" in out
    assert "The details of 1 stack do not fit here" in out
