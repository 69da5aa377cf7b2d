"""Where a tier's image comes from, and the permission that it brings."""

from __future__ import annotations

import pytest
from aws_cdk import aws_ecs as ecs

from mainstay.stateless.image import Parts, container_image

ECR = "444455556666.dkr.ecr.eu-west-1.amazonaws.com/team/edge"


@pytest.fixture
def task_with(stack, made):
    """The one container of a task made from this source."""

    def task_with(source) -> dict:
        task = ecs.FargateTaskDefinition(stack, "Task")
        task.add_container("Server", image=container_image(stack, "Image", source))
        [definition] = made("AWS::ECS::TaskDefinition").values()
        [container] = definition["ContainerDefinitions"]
        return container

    return task_with


def pulls(made) -> list[str]:
    """The repositories from which the execution role may pull."""
    return [
        str(statement["Resource"])
        for policy in made("AWS::IAM::Policy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if "ecr:BatchGetImage" in statement["Action"]
    ]


def test_a_folder_is_built_when_assets_are_published(task_with, tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    image = task_with(tmp_path)["Image"]
    assert "container-assets-111122223333-us-east-1:" in image["Fn::Sub"]


def test_a_compiled_module_does_not_change_a_folder_s_image(stack, tmp_path):
    """Else running the service's tests would deploy it anew.

    In two folders: CDK remembers the hash of a folder for as long as a process runs.
    """
    for name in ("before", "after"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "after" / "__pycache__").mkdir()
    (tmp_path / "after" / "__pycache__" / "x.pyc").write_text("compiled")
    before = _hash(stack, "Before", tmp_path / "before").partition(":")[2]
    assert _hash(stack, "After", tmp_path / "after").partition(":")[2] == before


@pytest.mark.parametrize(
    ("path", "is_part"),
    [
        ("service/Dockerfile", True),
        ("lambda/shared/a.py", True),
        ("lambda/other/b.py", False),
        ("README.md", False),
        ("service/__pycache__/x.pyc", False),
    ],
)
def test_an_image_of_parts_is_built_anew_by_its_own_parts_alone(stack, tmp_path, path, is_part):
    """In two folders, as above."""
    hashes = []
    for name, text in (("Before", "FROM scratch\n"), ("After", "changed")):
        tree = tmp_path / name
        for each in ("service/Dockerfile", "lambda/shared/a.py", "lambda/other/b.py", path):
            (tree / each).parent.mkdir(parents=True, exist_ok=True)
            (tree / each).write_text("FROM scratch\n")
        (tree / path).write_text(text)
        parts = Parts(
            folder=tree, dockerfile="service/Dockerfile", paths=("service", "lambda/shared")
        )
        hashes.append(_hash(stack, name, parts).partition(":")[2])
    assert (hashes[0] != hashes[1]) is is_part


def _hash(stack, name: str, folder) -> str:
    task = ecs.FargateTaskDefinition(stack, name)
    container = task.add_container("Server", image=container_image(stack, f"Of{name}", folder))
    return str(stack.resolve(container.image_name))


def test_a_reference_to_a_registry_is_taken_as_it_is(task_with, made):
    assert task_with("registry.example:5000/edge:1.4")["Image"] == "registry.example:5000/edge:1.4"
    assert pulls(made) == []


@pytest.mark.parametrize("version", [":1.4", f"@sha256:{'a' * 64}"])
def test_a_reference_into_ecr_keeps_its_version(task_with, version):
    image = str(task_with(ECR + version)["Image"])
    assert "444455556666.dkr.ecr.eu-west-1." in image
    assert f"team/edge{version}" in image


def test_a_reference_into_ecr_brings_the_permission_to_pull(task_with, made):
    task_with(f"{ECR}:1.4")
    assert pulls(made) == ["arn:aws:ecr:eu-west-1:444455556666:repository/team/edge"]
