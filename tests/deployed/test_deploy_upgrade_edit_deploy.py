"""A deploy after a release undoes nothing of it: images, counts and weights stay.

The app tier of production's primary Region is deployed from its synthesized templates into an
emulator of its own, operations release an image and move the traffic, and an edit of the
environment is deployed: CloudFormation updates a resource whose resolved properties changed, and
no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from assembly.reader import Assembly
from config.environments import PRODUCTION
from tests.deployed.deployment import Deployment, started_emulator
from tests.deployed.release_story import (
    RELEASED,
    STACKS,
    TASKS,
    WEIGHTS,
    Moment,
    Story,
    edited,
    moment,
    release,
    with_variable,
)
from tests.local.contract.deployment import deploy

NEW_VARIABLE = "ANOTHER_STORE"


@pytest.fixture(scope="module")
def story(production: Assembly, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    logs = edited(tmp_path_factory.mktemp("logs"), log_retention_days=180)
    size = replace(PRODUCTION.app, cpu_units=4_096, memory_mib=8_192)
    tasks = edited(tmp_path_factory.mktemp("tasks"), log_retention_days=180, app=size)
    tasks = with_variable(tasks, NEW_VARIABLE)
    with started_emulator(tmp_path_factory.mktemp("story")) as client:

        def deployed(assembly: Assembly) -> Moment:
            touched = deploy(assembly.directory, client, STACKS)
            return moment(Deployment(assembly, client, STACKS), touched)

        first = deployed(production)
        standing = Deployment(production, client, STACKS)
        release(standing)
        yield Story(
            deployed=first,
            released=moment(standing, []),
            logs_edited=deployed(logs),
            tasks_edited=deployed(tasks),
            again=deployed(tasks),
        )


def test_the_first_deploy_runs_the_templates_image_in_both_halves(story):
    assert story.deployed.blue == story.deployed.green
    assert story.deployed.weights == [50, 50]


def test_a_release_changes_one_half_and_the_traffic(story):
    assert (story.released.blue.image, story.released.blue.tasks) == (RELEASED, TASKS)
    assert story.released.green == story.deployed.green
    assert story.released.weights == WEIGHTS


def test_an_unrelated_edit_touches_logs_and_nothing_that_serves(story):
    assert story.logs_edited.touched
    assert all(name.startswith("Logs") for name in story.logs_edited.touched)
    assert replace(story.logs_edited, touched=[]) == story.released


def test_an_edit_of_the_tasks_reaches_both_halves_with_the_images_that_they_run(story):
    before, after = story.released, story.tasks_edited
    for half, known in ((after.blue, before.blue), (after.green, before.green)):
        assert half == replace(known, cpu="4096", variables=known.variables | {NEW_VARIABLE})
    assert after.blue.image == RELEASED


def test_both_halves_run_with_the_variables_of_their_stores(story):
    for half in (story.deployed.blue, story.deployed.green):
        assert {"ENTITY_READERS", "SESSION_TABLE", "EVENTS_QUEUE_URL"} <= half.variables


def test_an_edit_of_the_tasks_leaves_the_number_of_tasks_and_the_weights(story):
    assert (story.tasks_edited.blue.tasks, story.tasks_edited.weights) == (TASKS, WEIGHTS)
    assert all(name.startswith(("AppBlue", "AppGreen")) for name in story.tasks_edited.touched)
    assert not any("Weights" in name for name in story.tasks_edited.touched)


def test_the_same_deploy_again_touches_nothing(story):
    assert story.again == replace(story.tasks_edited, touched=[])


def test_no_synthesized_service_of_the_app_tier_holds_a_count_or_a_revision(production):
    for region in PRODUCTION.regions:
        services = production.part(region.name, "app").of_type("AWS::ECS::Service").values()
        assert {service["TaskDefinition"] for service in services} == {
            f"mainstay-{PRODUCTION.name}-{half}" for half in ("blue", "green")
        }
        assert not any("DesiredCount" in service for service in services)


def test_the_rule_that_holds_the_weights_holds_nothing_that_an_edit_could_change(production):
    """No tags, and a path that stays: an edit of either would rewrite the weights of the day."""
    for region in PRODUCTION.regions:
        (rule,) = (
            production.part(region.name, "app")
            .of_type("AWS::ElasticLoadBalancingV2::ListenerRule")
            .values()
        )
        assert set(rule) == {"Actions", "Conditions", "ListenerArn", "Priority"}
