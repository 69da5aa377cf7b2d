"""Whether Docker is there and can build for ARM64, asked of real processes."""

import pytest

from assembly.stack import ImageBuild
from deploy.checks.images import images
from tests.deploy.conftest import path_with

ARM = [ImageBuild(name="App/Image", platform="linux/arm64")]


@pytest.fixture
def found(program):
    """What is found with a docker that answers `version` and `buildx` like this."""

    def found(version, buildx="exit 1", builds=ARM):
        script = f'case "$1" in version) {version};; buildx) {buildx};; esac'
        return list(images(builds, path_with(program("docker", script))))

    return found


def test_no_image_needs_no_docker():
    assert list(images([], {"PATH": ""})) == []


def test_without_docker_says_so_and_what_instead(tmp_path):
    (problem,) = images(ARM, {"PATH": str(tmp_path)})
    assert problem.what == "the deploy builds container images, and there is no docker"
    assert "or name images of a registry in the environment" in problem.fix


def test_docker_that_does_not_run_is_told_in_its_own_words(found):
    (problem,) = found("echo Cannot connect to the daemon >&2; exit 1")
    assert problem.what.endswith("docker does not work: Cannot connect to the daemon")


@pytest.mark.parametrize("answer", ["linux/arm64", "linux/aarch64"])
def test_an_arm_machine_builds_as_it_is(found, answer):
    assert found(f"echo {answer}") == []


def test_another_machine_needs_its_emulation(found):
    platforms = "echo 'Platforms: linux/amd64, linux/386'"
    (problem,) = found("echo linux/amd64", platforms)
    assert "builds linux/amd64 here, and cannot build linux/arm64" in problem.what
    assert "binfmt --install arm64" in problem.fix
    assert found("echo linux/amd64", "echo 'Platforms: linux/amd64, linux/arm64*'") == []


def test_no_builder_at_all_is_the_same(found):
    (problem,) = found("echo linux/amd64")
    assert "cannot build linux/arm64" in problem.what


def test_asks_the_program_that_the_cdk_builds_with(program):
    finch = program("finch", "echo linux/arm64")
    assert list(images(ARM, {**path_with(finch), "CDK_DOCKER": "finch"})) == []
    (problem,) = images(ARM, {**path_with(finch), "CDK_DOCKER": "none-such"})
    assert "there is no none-such" in problem.what
