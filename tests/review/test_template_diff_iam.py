"""Which changes of policies the template diff calls wider."""

import json

import pytest


def res(type_, **properties):
    return {"Type": type_, "Properties": properties}


def stmt(
    action: str | list[str] = "s3:GetObject", target="arn:aws:s3:::a/*", effect="Allow", **fields
):
    return {"Effect": effect, "Action": action, "Resource": target, **fields}


def all_but(*actions):
    return {"Effect": "Allow", "NotAction": [*actions], "Resource": "*"}


def trust(*principals):
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": [*principals]}}
    return {"Statement": [statement]}


def role(*statements, trusted=None, **properties):
    policies = [{"PolicyName": "P", "PolicyDocument": {"Statement": list(statements)}}]
    document = trusted or trust("111122223333")
    return {
        "X": res(
            "AWS::IAM::Role", AssumeRolePolicyDocument=document, Policies=policies, **properties
        )
    }


def bucket(*statements, **properties):
    document = {"Statement": list(statements)}
    return {
        "X": res("AWS::S3::Bucket", **properties),
        "Policy": res("AWS::S3::BucketPolicy", Bucket={"Ref": "X"}, PolicyDocument=document),
    }


def attached(*statements, logical_id="Policy"):
    document = {"Statement": list(statements)}
    policy = res("AWS::IAM::Policy", Roles=[{"Ref": "X"}], PolicyDocument=document)
    return role() | {logical_id: policy}


def permission(**properties):
    target = {"Fn::GetAtt": ["X", "Arn"]}
    call = {"Action": "lambda:InvokeFunction", "FunctionName": target, "Principal": "s3"}
    return {
        "X": res("AWS::Lambda::Function"),
        "Call": res("AWS::Lambda::Permission", **call, **properties),
    }


def queue_text(*statements):
    return {
        "X": res("AWS::Logs::ResourcePolicy", PolicyDocument=json.dumps({"Statement": statements}))
    }


TLS = {"Bool": {"aws:SecureTransport": "false"}}
DENY = stmt("s3:*", "*", "Deny", Principal="*", Condition=TLS)
IN_ORG = {"StringEquals": {"aws:PrincipalOrgID": ["o-1", "o-2"]}}
ONE_ORG = {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}
BOUNDARY = {"PermissionsBoundary": "arn:aws:iam::aws:policy/ReadOnlyAccess"}
BLOCKED = {"PublicAccessBlockConfiguration": {"BlockPublicPolicy": True}}


# Name -> (before, after, words of the report on X).
WIDER = {
    "new-action": (
        role(stmt()),
        role(stmt(["s3:GetObject", "s3:PutObject"])),
        "allows `s3:PutObject`",
    ),
    "wildcard": (role(stmt()), role(stmt("s3:*")), "allows `s3:*`"),
    "other-resource": (role(stmt()), role(stmt(target="*")), "on `*`"),
    "not-action": (role(stmt()), role(all_but("iam:*")), "allows anything but `iam:*`"),
    "fewer-exceptions": (
        role(all_but("iam:*", "kms:*")),
        role(all_but("iam:*")),
        "allows anything but `iam:*`",
    ),
    "condition-removed": (role(stmt(Condition=IN_ORG)), role(stmt()), "allows `s3:GetObject`"),
    "condition-loosened": (
        role(stmt(Condition=ONE_ORG)),
        role(stmt(Condition=IN_ORG)),
        "if `StringEquals aws:PrincipalOrgID o-1|o-2`",
    ),
    "denial-removed": (
        role(stmt(), stmt("iam:*", "*", "Deny")),
        role(stmt()),
        "no longer denies `iam:*`",
    ),
    "denial-narrowed": (
        role(stmt("iam:*", "*", "Deny")),
        role(stmt("iam:Pass*", "*", "Deny")),
        "no longer denies `iam:*`",
    ),
    "bucket-policy-with-its-denial-removed": (
        bucket(DENY),
        {"X": res("AWS::S3::Bucket")},
        "no longer denies `s3:*`",
    ),
    "bucket-opened": (bucket(DENY), bucket(DENY, stmt(Principal="*")), "to `*`"),
    "managed-policy": (
        role(),
        role(ManagedPolicyArns=["arn:aws:iam::aws:policy/Admin"]),
        "has `arn:aws:iam::aws:policy/Admin` attached",
    ),
    "trust": (
        role(trusted=trust("a")),
        role(trusted=trust("a", "b")),
        "allows `sts:AssumeRole` to `AWS:b`",
    ),
    "boundary-removed": (role(**BOUNDARY), role(), "loses its permissions boundary"),
    "policy-of-its-own": (role(), attached(stmt()), "is widened, through `Policy`"),
    "new-role": ({}, role(stmt()), "`AWS::IAM::Role` is new"),
    "key": (
        {
            "X": res(
                "AWS::KMS::Key",
                KeyPolicy={"Statement": [stmt("kms:Decrypt", Principal={"AWS": "a"})]},
            )
        },
        {
            "X": res(
                "AWS::KMS::Key", KeyPolicy={"Statement": [stmt("kms:*", Principal={"AWS": "a"})]}
            )
        },
        "allows `kms:*`",
    ),
    "permission-without-source": (
        permission(SourceArn="arn"),
        permission(),
        "allows `lambda:InvokeFunction`",
    ),
    "policy-as-text": (
        queue_text(stmt("logs:PutLogEvents")),
        queue_text(stmt("logs:*")),
        "allows `logs:*`",
    ),
    "endpoint-policy-removed": (
        {"X": res("AWS::EC2::VPCEndpoint", PolicyDocument={"Statement": [stmt(Principal="*")]})},
        {"X": res("AWS::EC2::VPCEndpoint")},
        "allows `*`",
    ),
    "public-access-unblocked": (bucket(**BLOCKED), bucket(), "loses its block on public access"),
    "function-url": ({}, {"X": res("AWS::Lambda::Url", AuthType="NONE")}, "lets in by its own"),
}

NARROWER = {
    "fewer-actions": (role(stmt(["s3:GetObject", "s3:PutObject"])), role(stmt())),
    "pattern-made-concrete": (role(stmt("s3:*", "*")), role(stmt("s3:GetObject"))),
    "all-but-a-few-made-concrete": (role(all_but("iam:*")), role(stmt("s3:GetObject"))),
    "condition-added": (role(stmt()), role(stmt(Condition=IN_ORG))),
    "condition-tightened": (role(stmt(Condition=IN_ORG)), role(stmt(Condition=ONE_ORG))),
    "denial-added": (role(stmt()), role(stmt(), stmt("iam:*", "*", "Deny"))),
    "statement-split": (
        role(stmt(["s3:GetObject", "s3:PutObject"])),
        role(stmt(), stmt("s3:PutObject", Sid="Write")),
    ),
    "policy-moved": (attached(stmt()), attached(stmt(), logical_id="Moved")),
    "role-removed": (
        role(stmt("*", "*", "Deny")) | {"T": res("AWS::SNS::Topic")},
        {"T": res("AWS::SNS::Topic")},
    ),
    "boundary-added": (role(), role(**BOUNDARY)),
    "trust-narrowed": (role(trusted=trust("a", "b")), role(trusted=trust("a"))),
    "firewall-statement": (
        {"X": res("AWS::WAFv2::RuleGroup")},
        {"X": res("AWS::WAFv2::RuleGroup", Rules=[{"Statement": {"GeoMatchStatement": {}}}])},
    ),
    "new-endpoint": ({}, {"X": res("AWS::EC2::VPCEndpoint")}),
}


@pytest.fixture(scope="module")
def judged(judge):
    keep = {"Keep": res("AWS::SQS::Queue")}
    cases = WIDER | NARROWER
    return judge({name: (case[0] | keep, case[1] | keep) for name, case in cases.items()})


@pytest.mark.parametrize("name", WIDER)
def test_calls_wider(judged, name):
    (danger,) = judged[name][0]
    assert (danger.kind, danger.resource) == ("iam", "X")
    assert WIDER[name][2] in "\n".join([danger.what, *danger.items])


@pytest.mark.parametrize("name", NARROWER)
def test_passes_what_is_narrower_or_the_same(judged, name):
    assert judged[name][0] == []
