"""What deployed things do, not only say: alarms ring, locks hold, replicas follow, writers move."""

from __future__ import annotations

import json
import time
import uuid

import pytest
from botocore.exceptions import ClientError

from local.waiting import wait_until
from tests.local.contract.deployment import wait
from tests.local.contract.row import Seen, att, ref, resource


@pytest.fixture
def deployed(aws):
    """`deployed(resources)`: a stack of them, which the test's end deletes."""
    made = []

    def deploy(resources):
        name = f"behaviour-{uuid.uuid4().hex[:8]}"
        cloudformation = aws("cloudformation")
        cloudformation.create_stack(
            StackName=name, TemplateBody=json.dumps({"Resources": resources})
        )
        made.append(name)
        wait(cloudformation, name, "CREATE_COMPLETE")
        found = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        refs = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}
        return Seen(aws, refs, "")

    yield deploy
    for name in made:
        aws("cloudformation").delete_stack(StackName=name)


def _metric(identifier, name):
    metric = {"Namespace": "Behaviour", "MetricName": name}
    dimension = [{"Name": "Half", "Value": "blue"}]
    stat = {"Metric": {**metric, "Dimensions": dimension}, "Period": 60, "Stat": "Sum"}
    return {"Id": identifier, "MetricStat": stat, "ReturnData": False}


def test_an_alarm_on_metric_math_rings_through_a_topic(deployed, aws):
    seen = deployed(
        {
            "Topic": resource("AWS::SNS::Topic"),
            "Queue": resource("AWS::SQS::Queue"),
            "Subscription": resource(
                "AWS::SNS::Subscription",
                TopicArn=ref("Topic"), Protocol="sqs", Endpoint=att("Queue", "Arn"),
            ),
            "Alarm": resource(
                "AWS::CloudWatch::Alarm",
                Metrics=[
                    {
                        "Id": "rate",
                        "Expression": "IF(requests >= 10, 100 * failed / requests, 0)",
                        "ReturnData": True,
                    },
                    _metric("failed", "Failures"),
                    _metric("requests", "Requests"),
                ],
                Threshold=1,
                EvaluationPeriods=2,
                ComparisonOperator="GreaterThanThreshold",
                TreatMissingData="notBreaching",
                AlarmActions=[ref("Topic")],
            ),
        }
    )  # fmt: skip
    cloudwatch = aws("cloudwatch")

    def put(half, failed, requests, *, ago):
        dimensions = [{"Name": "Half", "Value": half}]
        for name, value in (("Failures", failed), ("Requests", requests)):
            datum = {"MetricName": name, "Value": value, "Dimensions": dimensions}
            cloudwatch.put_metric_data(
                Namespace="Behaviour", MetricData=[{**datum, "Timestamp": time.time() - ago}]
            )

    def state():
        found = cloudwatch.describe_alarms(AlarmNames=[seen.refs["Alarm"]])
        return found["MetricAlarms"][0]["StateValue"]

    put("green", 100, 100, ago=1)
    put("green", 100, 100, ago=61)
    assert state() != "ALARM"  # the other half's
    put("blue", 100, 100, ago=1)
    assert state() != "ALARM"  # one period of two
    put("blue", 100, 100, ago=61)
    assert state() == "ALARM"
    answer = aws("sqs").receive_message(QueueUrl=seen.refs["Queue"], WaitTimeSeconds=10)
    (message,) = answer["Messages"]
    notice = json.loads(json.loads(message["Body"])["Message"])
    assert (notice["AlarmName"], notice["NewStateValue"]) == (seen.refs["Alarm"], "ALARM")


def test_an_alarm_that_changes_is_an_event_for_the_rules_that_wait_for_it(deployed, aws):
    """A metric's alarm, and the composite alarm that it sets."""
    seen = deployed(
        {
            "Queue": resource("AWS::SQS::Queue"),
            "Alarm": resource(
                "AWS::CloudWatch::Alarm",
                Namespace="Behaviour", MetricName="Lag", Statistic="Maximum", Period=60,
                EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold",
                TreatMissingData="notBreaching",
            ),
            "Other": resource(
                "AWS::CloudWatch::CompositeAlarm", AlarmRule={"Fn::Sub": 'NOT (OK("${Alarm}"))'}
            ),
            "Rule": resource(
                "AWS::Events::Rule",
                EventPattern={
                    "source": ["aws.cloudwatch"],
                    "detail-type": ["CloudWatch Alarm State Change"],
                    "resources": [att("Alarm", "Arn"), att("Other", "Arn")],
                    "detail": {"state": {"value": ["ALARM"]}},
                },
                Targets=[{"Id": "queue", "Arn": att("Queue", "Arn")}],
            ),
        }
    )  # fmt: skip
    aws("cloudwatch").set_alarm_state(
        AlarmName=seen.refs["Alarm"], StateValue="OK", StateReason="a test"
    )
    aws("sqs").purge_queue(QueueUrl=seen.refs["Queue"])
    aws("cloudwatch").put_metric_data(
        Namespace="Behaviour", MetricData=[{"MetricName": "Lag", "Value": 2}]
    )
    rung = set()

    def received() -> bool:
        answer = aws("sqs").receive_message(QueueUrl=seen.refs["Queue"], WaitTimeSeconds=5)
        for message in answer.get("Messages", ()):
            event = json.loads(message["Body"])
            assert event["detail"]["state"]["value"] == "ALARM"
            rung.add(event["detail"]["alarmName"])
        return len(rung) > 1

    wait_until(received, "the events of two alarms", log=lambda: rung)
    assert rung == {seen.refs["Alarm"], seen.refs["Other"]}


def test_object_lock_refuses_a_delete_and_replication_follows(deployed, aws):
    retention = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
    lock = {"ObjectLockEnabled": "Enabled", "Rule": retention}
    versions = {"Status": "Enabled"}
    rule = {
        "Status": "Enabled",
        "Priority": 1,
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "Destination": {"Bucket": att("Copy", "Arn")},
    }
    replication = {"Role": "arn:aws:iam::111122223333:role/copies", "Rules": [rule]}
    seen = deployed(
        {
            "Copy": resource("AWS::S3::Bucket", VersioningConfiguration=versions),
            "Locked": resource(
                "AWS::S3::Bucket",
                VersioningConfiguration=versions,
                ObjectLockEnabled=True,
                ObjectLockConfiguration=lock,
                ReplicationConfiguration=replication,
            ),
        }
    )
    s3, bucket = aws("s3"), seen.refs["Locked"]
    version = s3.put_object(Bucket=bucket, Key="dump", Body=b"data")["VersionId"]
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=bucket, Key="dump", VersionId=version)
    wait_until(
        lambda: s3.list_objects_v2(Bucket=seen.refs["Copy"]).get("Contents"),
        "the object in the copy",
    )


def test_a_locked_vault_is_listed_and_says_when_its_lock_is_final(deployed, aws):
    lock = {"MinRetentionDays": 7, "ChangeableForDays": 3}
    vault = resource("AWS::Backup::BackupVault", BackupVaultName="l", LockConfiguration=lock)
    deployed({"Vault": vault})
    backup = aws("backup")
    (listed,) = [one for one in backup.list_backup_vaults()["BackupVaultList"] if one["Locked"]]
    described = backup.describe_backup_vault(BackupVaultName="l")
    assert listed["BackupVaultName"] == "l"
    days = (described["LockDate"] - described["CreationDate"]).total_seconds() / 86_400
    assert days == pytest.approx(3, abs=0.1)


def test_a_bucket_that_holds_something_is_not_deleted(aws):
    cloudformation = aws("cloudformation")
    name = f"behaviour-{uuid.uuid4().hex[:8]}"
    template = {"Resources": {"Bucket": resource("AWS::S3::Bucket")}}
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    wait(cloudformation, name, "CREATE_COMPLETE")
    (found,) = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    bucket = found["PhysicalResourceId"]
    aws("s3").put_object(Bucket=bucket, Key="one", Body=b"1")
    cloudformation.delete_stack(StackName=name)
    wait(cloudformation, name, "DELETE_FAILED")
    aws("s3").delete_object(Bucket=bucket, Key="one")
    cloudformation.delete_stack(StackName=name)


def test_a_key_of_two_regions_decrypts_in_both(aws):
    """A ReplicaKey's row, too, for its primary stands in another Region's stack."""
    east = aws("kms").create_key(MultiRegion=True)["KeyMetadata"]
    statement = {"Sid": "all", "Effect": "Allow", "Principal": "*", "Action": "kms:*"}
    policy = {"Version": "2012-10-17", "Statement": [{**statement, "Resource": "*"}]}
    properties = {"PrimaryKeyArn": east["Arn"], "KeyPolicy": policy, "Description": "first"}
    name = f"behaviour-{uuid.uuid4().hex[:8]}"
    cloudformation = aws("cloudformation", "us-west-2")

    def template(**changes):
        replica = resource("AWS::KMS::ReplicaKey", **{**properties, **changes})
        return json.dumps({"Resources": {"Replica": replica}})

    cloudformation.create_stack(StackName=name, TemplateBody=template())
    wait(cloudformation, name, "CREATE_COMPLETE")
    secret = aws("kms").encrypt(KeyId=east["KeyId"], Plaintext=b"text")["CiphertextBlob"]
    west = aws("kms", "us-west-2")
    assert west.decrypt(CiphertextBlob=secret)["Plaintext"] == b"text"
    cloudformation.update_stack(StackName=name, TemplateBody=template(Description="second"))
    wait(cloudformation, name, "UPDATE_COMPLETE")
    found = west.describe_key(KeyId=east["KeyId"])["KeyMetadata"]
    assert found["Description"] == "second"
    assert found["MultiRegionConfiguration"]["MultiRegionKeyType"] == "REPLICA"
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    cloudformation.delete_stack(StackName=name)
    wait(cloudformation, stack, "DELETE_COMPLETE")
    assert west.describe_key(KeyId=east["KeyId"])["KeyMetadata"]["KeyState"] == "PendingDeletion"


def test_the_writer_of_a_global_database_moves(aws):
    rds, west = aws("rds"), aws("rds", "us-west-2")
    cluster = {
        "Engine": "aurora-postgresql",
        "EngineVersion": "17.6",
        "MasterUsername": "mainstay",
        "MasterUserPassword": "not-a-secret",
    }
    first = {
        "Cluster": resource("AWS::RDS::DBCluster", **cluster),
        "Global": resource(
            "AWS::RDS::GlobalCluster",
            GlobalClusterIdentifier="behaviour",
            SourceDBClusterIdentifier=att("Cluster", "DBClusterArn"),
        ),
    }
    second = {
        "Cluster": resource(
            "AWS::RDS::DBCluster",
            Engine="aurora-postgresql",
            EngineVersion="17.6",
            GlobalClusterIdentifier="behaviour",
            DBClusterIdentifier="behaviour-copy",
        )
    }
    for region, resources in (("us-east-1", first), ("us-west-2", second)):
        cloudformation = aws("cloudformation", region)
        template = json.dumps({"Resources": resources})
        cloudformation.create_stack(StackName="behaviour-global", TemplateBody=template)
        wait(cloudformation, "behaviour-global", "CREATE_COMPLETE")

    def writer():
        found = rds.describe_global_clusters(GlobalClusterIdentifier="behaviour")
        members = found["GlobalClusters"][0]["GlobalClusterMembers"]
        assert len(members) == 2
        (writes,) = [m["DBClusterArn"] for m in members if m["IsWriter"]]
        return writes

    assert ":us-east-1:" in writer()
    (copy,) = west.describe_db_clusters(DBClusterIdentifier="behaviour-copy")["DBClusters"]
    rds.switchover_global_cluster(
        GlobalClusterIdentifier="behaviour", TargetDbClusterIdentifier=copy["DBClusterArn"]
    )
    assert writer() == copy["DBClusterArn"]
    for region in ("us-west-2", "us-east-1"):
        aws("cloudformation", region).delete_stack(StackName="behaviour-global")


def test_whoever_asks_for_one_changing_stack_is_answered_when_it_has_changed(aws):
    """One answer, where asking again and again would show it in progress first."""
    cloudformation = aws("cloudformation")
    name = f"behaviour-{uuid.uuid4().hex[:8]}"
    topics = {f"Topic{number}": resource("AWS::SNS::Topic") for number in range(20)}
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": topics}))
    (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    cloudformation.delete_stack(StackName=stack["StackId"])
    (stack,) = cloudformation.describe_stacks(StackName=stack["StackId"])["Stacks"]
    assert stack["StackStatus"] == "DELETE_COMPLETE"


def test_an_unsupported_type_ends_in_an_error_that_names_it_and_the_place(aws):
    template = json.dumps({"Resources": {"One": resource("AWS::Nowhere::Thing")}})
    with pytest.raises(ClientError, match=r"AWS::Nowhere::Thing.*local/emulator/extension/kinds"):
        aws("cloudformation").create_stack(StackName="unsupported", TemplateBody=template)
    with pytest.raises(ClientError, match="does not exist"):
        aws("cloudformation").describe_stacks(StackName="unsupported")


def test_a_property_that_would_be_dropped_ends_in_an_error_that_names_it(aws):
    properties = {"Domain": "vpc", "Colour": "blue"}
    template = json.dumps({"Resources": {"One": resource("AWS::EC2::EIP", **properties)}})
    cloudformation = aws("cloudformation")
    cloudformation.create_stack(StackName="unknown-property", TemplateBody=template)
    with pytest.raises(AssertionError, match=r"AllocateAddress\.Colour' would be dropped"):
        wait(cloudformation, "unknown-property", "CREATE_COMPLETE")
    cloudformation.delete_stack(StackName="unknown-property")


def test_an_operation_that_nobody_answers_says_where_to_add_it(aws):
    with pytest.raises(ClientError, match="local/emulator/extension/apis"):
        aws("synthetics").describe_canaries_last_run()


def test_a_reset_forgets_what_the_extension_keeps(aws, emulator):
    key = {
        "ServiceNamespace": "dynamodb",
        "ResourceId": "table/reset",
        "ScalableDimension": "dynamodb:table:ReadCapacityUnits",
    }
    api = aws("application-autoscaling", "eu-west-1")
    api.register_scalable_target(**key, MinCapacity=1, MaxCapacity=2)
    assert api.describe_scalable_targets(ServiceNamespace="dynamodb")["ScalableTargets"]
    emulator.reset()
    assert not api.describe_scalable_targets(ServiceNamespace="dynamodb")["ScalableTargets"]
