"""A live family takes its shape from the template and its images from releases, in moto.

moto differs from Amazon ECS (API Reference) in what these tests meet: by a family's name it
describes the newest revision where ECS describes the newest ACTIVE one, it adds only some of ECS's
defaults to a described container definition, and it does not check that an image or a role exists.
"""

import boto3
import pytest

from functions.live_task_definition.handler import handler
from functions.live_task_definition.revisions import _SHAPE, keep_live_image

_FAMILY = "mainstay-production-blue"


def _container(name: str = "server", image: str = "app:v1", **more) -> dict:
    return {"name": name, "image": image, "essential": True, **more}


def _register(ecs, family: str, *containers: dict, cpu: str = "256", **more) -> str:
    return ecs.register_task_definition(
        family=family,
        containerDefinitions=list(containers),
        cpu=cpu,
        memory="512",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        **more,
    )["taskDefinition"]["taskDefinitionArn"]


def _live(ecs) -> dict:
    return ecs.describe_task_definition(taskDefinition=_FAMILY)["taskDefinition"]


def _images(definition: dict) -> dict[str, str]:
    return {one["name"]: one["image"] for one in definition["containerDefinitions"]}


def _event(cloudformation, kind: str = "Create", **properties) -> dict:
    event = {
        "RequestType": kind,
        "StackId": "arn:aws:cloudformation:us-east-1:111122223333:stack/app/1",
        "RequestId": "unique",
        "LogicalResourceId": "Live",
        "ResponseURL": cloudformation.url,
        "ResourceProperties": {"ServiceToken": "arn", **properties},
    }
    return event if kind == "Create" else {**event, "PhysicalResourceId": _FAMILY}


def test_the_first_release_is_the_image_of_the_template(ecs):
    base = _register(ecs, "base", _container())
    arn = keep_live_image(ecs, base=base, family=_FAMILY)
    live = _live(ecs)
    assert live["taskDefinitionArn"] == arn
    assert (live["revision"], _images(live)) == (1, {"server": "app:v1"})


def test_the_same_base_again_registers_nothing(ecs):
    base = _register(ecs, "base", _container())
    first = keep_live_image(ecs, base=base, family=_FAMILY)
    assert keep_live_image(ecs, base=base, family=_FAMILY) == first
    assert len(ecs.list_task_definitions(familyPrefix=_FAMILY)["taskDefinitionArns"]) == 1


def test_a_new_shape_keeps_the_image_that_was_released(ecs):
    keep_live_image(ecs, base=_register(ecs, "base", _container()), family=_FAMILY)
    _register(ecs, _FAMILY, _container(image="app:v2"))
    larger = _register(ecs, "base", _container(), cpu="512")
    keep_live_image(ecs, base=larger, family=_FAMILY)
    live = _live(ecs)
    assert (live["revision"], live["cpu"], _images(live)) == (3, "512", {"server": "app:v2"})


def test_a_new_image_in_the_template_alone_changes_no_release(ecs):
    keep_live_image(ecs, base=_register(ecs, "base", _container()), family=_FAMILY)
    released = _register(ecs, _FAMILY, _container(image="app:v2"))
    base = _register(ecs, "base", _container(image="app:v9"))
    assert keep_live_image(ecs, base=base, family=_FAMILY) == released


def test_a_container_new_in_the_template_starts_with_the_templates_image(ecs):
    keep_live_image(ecs, base=_register(ecs, "base", _container()), family=_FAMILY)
    _register(ecs, _FAMILY, _container(image="app:v2"))
    base = _register(ecs, "base", _container(), _container("watcher", "watcher:v1"))
    keep_live_image(ecs, base=base, family=_FAMILY)
    assert _images(_live(ecs)) == {"server": "app:v2", "watcher": "watcher:v1"}


def test_fails_on_a_container_that_runs_but_is_gone_from_the_template(ecs):
    both = _register(ecs, "base", _container(), _container("watcher", "watcher:v1"))
    keep_live_image(ecs, base=both, family=_FAMILY)
    one = _register(ecs, "base", _container())
    with pytest.raises(ValueError, match=f"{_FAMILY} runs, but lacks watcher; release an image"):
        keep_live_image(ecs, base=one, family=_FAMILY)
    assert _live(ecs)["revision"] == 1


def test_everything_that_can_be_described_and_registered_is_carried(ecs):
    """From the API's own model, so that a new setting of Amazon ECS is not dropped in silence."""
    model = boto3.client("ecs", region_name="us-east-1").meta.service_model
    registered = set(model.operation_model("RegisterTaskDefinition").input_shape.members)
    described = set(model.shape_for("TaskDefinition").members)
    assert set(_SHAPE) == (registered & described) - {"family"}


def test_every_setting_of_the_base_reaches_the_family(ecs):
    base = _register(
        ecs,
        "base",
        _container(
            environment=[{"name": "HALF", "value": "blue"}],
            portMappings=[{"containerPort": 8080, "protocol": "tcp"}],
            readonlyRootFilesystem=True,
            stopTimeout=45,
            mountPoints=[{"sourceVolume": "scratch1", "containerPath": "/run/edge"}],
        ),
        volumes=[{"name": "scratch1"}],
        runtimePlatform={"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
        taskRoleArn="arn:aws:iam::111122223333:role/task",
        executionRoleArn="arn:aws:iam::111122223333:role/execution",
    )
    keep_live_image(ecs, base=base, family=_FAMILY)
    described = ecs.describe_task_definition(taskDefinition=base)["taskDefinition"]
    live = _live(ecs)
    assert {key: live.get(key) for key in _SHAPE} == {key: described.get(key) for key in _SHAPE}


def test_create_answers_with_the_family_and_its_newest_revision(ecs, cloudformation):
    base = _register(ecs, "base", _container())
    handler(_event(cloudformation, Base=base, Family=_FAMILY), None)
    assert cloudformation.answer["Status"] == "SUCCESS"
    assert cloudformation.answer["PhysicalResourceId"] == _FAMILY
    assert cloudformation.answer["Data"] == {"Arn": _live(ecs)["taskDefinitionArn"]}


def test_update_carries_the_new_base(ecs, cloudformation):
    keep_live_image(ecs, base=_register(ecs, "base", _container()), family=_FAMILY)
    larger = _register(ecs, "base", _container(), cpu="512")
    handler(_event(cloudformation, "Update", Base=larger, Family=_FAMILY), None)
    assert cloudformation.answer["Status"] == "SUCCESS"
    assert _live(ecs)["cpu"] == "512"


def test_delete_leaves_the_family_for_whoever_still_runs_it(ecs, cloudformation):
    base = _register(ecs, "base", _container())
    arn = keep_live_image(ecs, base=base, family=_FAMILY)
    handler(_event(cloudformation, "Delete", Base=base, Family=_FAMILY), None)
    assert cloudformation.answer["Status"] == "SUCCESS"
    assert ecs.list_task_definitions(familyPrefix=_FAMILY)["taskDefinitionArns"] == [arn]


def test_fails_on_a_missing_property_with_its_name(ecs, cloudformation):
    handler(_event(cloudformation, Base="arn"), None)
    assert cloudformation.answer["Status"] == "FAILED"
    assert "Family" in cloudformation.answer["Reason"]


def test_fails_on_a_base_that_does_not_exist_and_names_the_api_error(ecs, cloudformation):
    handler(_event(cloudformation, Base="base:7", Family=_FAMILY), None)
    assert cloudformation.answer["Status"] == "FAILED"
    assert "Unable to describe task definition" in cloudformation.answer["Reason"]
