"""The state machine that archives the newest snapshot of every series, each night."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from mainstay.acknowledge import acknowledge, acknowledge_inline_policy
from mainstay.backup.backup_store import BackupStore
from mainstay.functions.job_function import JobFunction
from mainstay.interfaces import as_function, as_role, as_schedule_target, principal

# Up to so many work items, one function does them all, one after the other: 8 GiB of volume, or
# what an interrupted run left.
_FEW_ITEMS = 2
_MEMORY_MIB = 2_048  # an item needs 250; the processor's share is the reason


class ArchiveMachine(Construct):
    """Choose, plan, work, commit; functions.archive_job has the states, all repeatable.

    A volume of many gibibytes is divided by a Distributed Map, whose width is the plan's: as many
    functions as share the quota of the EBS direct APIs. Volumes come one after the other, for the
    quota is the account's. Nothing is a backup before its commit.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment_name: str,
        store: BackupStore,
        volume_key: kms.IKey,
        retain_days: int,
        schedule: scheduler.ScheduleExpression,
        log_group: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        self._store, self._volume_key, self._log_group = store, volume_key, log_group
        newest = self._newest(environment_name)
        self.functions = {
            name: self._state_function(name, handler, seconds)
            for name, handler, seconds in (
                ("Plan", "archive_job.handler.plan", 300),
                ("Work", "archive_job.handler.work", 900),
                ("WorkAlone", "archive_job.alone.handler", 900),
                ("Commit", "archive_job.handler.commit", 900),
            )
        }
        each = sfn.Map(
            self,
            "EachSeries",
            items_path="$.snapshots",
            item_selector={
                "snapshot": sfn.JsonPath.string_at("$$.Map.Item.Value.snapshot"),
                "retain_days": retain_days,
            },
            max_concurrency=1,
        )
        each.item_processor(self._one_volume())
        role = iam.Role(self, "Role", assumed_by=principal("states.amazonaws.com"))
        self._store.grant_list_items(role)
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            role=as_role(role),
            comment="Archives the newest snapshot of every series",
            definition_body=sfn.DefinitionBody.from_chainable(
                sfn.Chain.start(self._invoke("Newest", newest)).next(each)
            ),
            timeout=cdk.Duration.hours(20),  # 16 TiB at the quota take nine and a half
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=log_group, level=sfn.LogLevel.ALL, include_execution_data=True
            ),
        )
        self._acknowledge(role, (newest, *self.functions.values()))
        self._every(schedule)

    def _newest(self, environment_name: str) -> JobFunction:
        newest = JobFunction(
            self,
            "NewestSnapshots",
            handler="snapshot_job.handler.newest",
            description="Names the newest complete snapshots of every series",
            log_group=self._log_group,
            environment={"ENVIRONMENT": environment_name},
            timeout=cdk.Duration.minutes(5),
        )
        newest.role.add_to_policy(
            iam.PolicyStatement(actions=["ec2:DescribeSnapshots"], resources=["*"])
        )
        acknowledge(newest.role, {"AwsSolutions-IAM5[Resource::*]": _DESCRIBE})
        return newest

    def _state_function(self, name: str, handler: str, seconds: int) -> JobFunction:
        made = JobFunction(
            self,
            name,
            handler=handler,
            description=f"A state of an archive: {name}",
            log_group=self._log_group,
            environment={"TRANSPORT": "lean"},
            memory_mib=_MEMORY_MIB,
            timeout=cdk.Duration.seconds(seconds),
        )
        for variable, value in self._store.grant_archive(made.role).items():
            made.function.add_environment(variable, value)
        snapshots = f"arn:aws:ec2:{cdk.Stack.of(self).region}::snapshot/*"
        for actions, resource in (
            (["ec2:DescribeSnapshots"], "*"),
            (
                ["ebs:ListSnapshotBlocks", "ebs:ListChangedBlocks", "ebs:GetSnapshotBlock"],
                snapshots,
            ),
            (["kms:Decrypt"], self._volume_key.key_arn),
        ):
            made.role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[resource]))
        acknowledge(
            made.role,
            {
                "AwsSolutions-IAM5[Resource::*]": _DESCRIBE,
                f"AwsSolutions-IAM5[Resource::{snapshots}]": "A snapshot is not known when this is "
                "deployed; without the key of the volumes, which is granted by itself, the blocks "
                "of no other snapshot can be read.",
                **self._store.acknowledged(self._store.archive, "*"),
            },
        )
        return made

    def _one_volume(self) -> sfn.IChainable:
        plan = self._invoke("Plan", self.functions["Plan"])
        commit = self._invoke("Commit", self.functions["Commit"])
        items = sfn.DistributedMap(
            self,
            "Items",
            item_reader=sfn.S3JsonItemReader(
                bucket=self._store.archive, key=sfn.JsonPath.string_at("$.items.key")
            ),
            max_concurrency_path="$.concurrency",
            map_execution_type=sfn.StateMachineType.STANDARD,
            result_path=sfn.JsonPath.DISCARD,
            tolerated_failure_count=0,  # a root needs every item
        )
        items.item_processor(self._invoke("Work", self.functions["Work"]))
        alone = self._invoke(
            "WorkAlone", self.functions["WorkAlone"], result_path=sfn.JsonPath.DISCARD
        )
        few = sfn.Choice(self, "Few")
        few.when(
            sfn.Condition.number_less_than_equals("$.count", _FEW_ITEMS), alone.next(commit)
        ).otherwise(items.next(commit))
        done = sfn.Choice(self, "Archived")
        done.when(
            sfn.Condition.boolean_equals("$.done", True), sfn.Pass(self, "Already")
        ).otherwise(few)
        return sfn.Chain.start(plan).next(done)

    def _invoke(
        self, name: str, job: JobFunction, *, result_path: str | None = None
    ) -> tasks.LambdaInvoke:
        state = tasks.LambdaInvoke(
            job,
            name,
            lambda_function=as_function(job.function),
            payload_response_only=True,
            result_path=result_path,
            retry_on_service_exceptions=False,  # the second rule below has them
        )
        state.add_retry(errors=["RefusedError"], max_attempts=0)  # a no for good
        state.add_retry(
            errors=["States.ALL"],
            interval=cdk.Duration.seconds(10),
            backoff_rate=2,
            max_delay=cdk.Duration.minutes(10),
            jitter_strategy=sfn.JitterType.FULL,
            max_attempts=8,
        )
        return state

    def _every(self, schedule: scheduler.ScheduleExpression) -> None:
        role = iam.Role(self, "Starter", assumed_by=principal("scheduler.amazonaws.com"))
        self.machine.grant_start_execution(role)
        acknowledge_inline_policy(role)
        scheduler.Schedule(
            self,
            "Schedule",
            description="Archives the newest snapshot of every series",
            schedule=schedule,
            target=as_schedule_target(
                targets.StepFunctionsStartExecution(
                    self.machine, role=as_role(role), retry_attempts=2
                )
            ),
        )

    def _acknowledge(self, role: iam.Role, jobs: tuple[JobFunction, ...]) -> None:
        stack = cdk.Stack.of(self)
        acknowledge_inline_policy(role)
        bucket = self._store.imported(self._store.archive.bucket_name)
        acknowledge(
            role,
            {
                "AwsSolutions-IAM5[Resource::*]": "The actions by which Step Functions sets up its "
                "delivery of logs, and those of AWS X-Ray, know no resources (Service "
                "Authorization Reference, CloudWatch Logs and X-Ray).",
                f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::{bucket}/*]": "The map "
                "reads its items from a file that the plan has just written, whose name follows "
                "from the snapshot; it can read in this one bucket and write nothing.",
            }
            | {
                f"AwsSolutions-IAM5[Resource::<{_logical_id(job)}.Arn>:*]": "A permission to "
                "invoke a function covers its versions and aliases, of which this one has none."
                for job in jobs
            },
        )
        policy = self.machine.node.find_child("DistributedMapPolicy")
        acknowledge_inline_policy(policy)
        resource = self.machine.node.default_child
        assert isinstance(resource, sfn.CfnStateMachine)
        name = stack.get_logical_id(resource)
        runs = (
            f"arn:aws:states:{stack.region}:{stack.account}:execution:"
            f'{{"Fn::Select":[6,{{"Fn::Split":[":",{{"Ref":"{name}"}}]}}]}}'
        )
        acknowledge(
            policy,
            {
                f"AwsSolutions-IAM5[Resource::{runs}{end}]": "A Distributed Map runs its items as "
                "executions of this same machine, which have ids that Step Functions gives; no "
                "other machine's are described or stopped."
                for end in (":*", "/*:*")
            },
        )


def _logical_id(job: JobFunction) -> str:
    resource = job.function.node.default_child
    assert isinstance(resource, cdk.CfnResource)
    return cdk.Stack.of(job).get_logical_id(resource)


_DESCRIBE = (
    "ec2:DescribeSnapshots knows no resources (Service Authorization Reference, Amazon EC2); it "
    "tells of snapshots and gives nothing of what is in them."
)
