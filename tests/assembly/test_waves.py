"""Waves of an assembly, up and down, and the CLI driven over them."""

import json

import pytest

from assembly.cdk_cli import CdkCli, CliRun
from assembly.waves import Rollout, backwards, plan_waves, wave_patterns
from config.environments import ENVIRONMENTS
from tests.deploy.conftest import ACCOUNT, assemble, stack

ANY = {"Any": {"Type": "AWS::SNS::Topic"}}


@pytest.fixture
def assembly(tmp_path):
    """The standby needs the zone and a network of the primary; Delivery is in no pattern."""
    return assemble(
        tmp_path,
        stack("Dns", ANY),
        stack("us-east-1/Network", ANY),
        stack("us-east-1/App", ANY, depends_on=("us-east-1/Network", "Dns")),
        stack("us-west-2/Peering", ANY, depends_on=("us-east-1/Network",)),
        stack("us-west-2/App", ANY, depends_on=("us-west-2/Peering", "Dns")),
        stack("Delivery", ANY),
    )


PATTERNS = ("Dns", "us-west-2/*", "us-east-1/*")


def plan(assembly):
    return plan_waves(assembly.stacks.values(), PATTERNS)


def everything(assembly):
    return {stack.path for stack in assembly.stacks.values()}


def paths(waves):
    return [tuple(one.path for one in wave.stacks) for wave in waves]


class TestWaves:
    def test_name_patterns_and_list_what_they_draw_in(self, assembly):
        found = plan(assembly)
        assert [wave.title for wave in found] == [*PATTERNS, "Delivery"]
        assert paths(found) == [
            ("Dns",),
            ("us-east-1/Network", "us-west-2/Peering", "us-west-2/App"),
            ("us-east-1/App",),
            ("Delivery",),
        ]

    def test_go_back_last_first_by_the_paths_of_the_stacks(self, assembly):
        found = backwards(plan(assembly), everything(assembly))
        assert [wave.paths for wave in found] == [
            ("Delivery",),
            ("us-east-1/App",),
            ("us-west-2/App", "us-west-2/Peering", "us-east-1/Network"),
            ("Dns",),
        ]

    @pytest.mark.parametrize("name", ENVIRONMENTS)
    def test_hold_every_stack_once_after_what_it_needs_and_before_it_on_the_way_back(
        self, name, assembly_of
    ):
        found = assembly_of(name)
        ways = plan_waves(found.stacks.values(), wave_patterns(ENVIRONMENTS[name]))
        up = [path for wave in paths(ways) for path in wave]
        down = [path for wave in backwards(ways, everything(found)) for path in wave.paths]
        assert sorted(up) == sorted(down) == sorted(everything(found))
        for one in found.stacks.values():
            for path in (found.stacks[other].path for other in one.dependencies):
                assert up.index(path) < up.index(one.path)
                assert down.index(path) > down.index(one.path)


class TestAssembly:
    def test_of_another_environment_or_account_is_refused(self, tmp_path):
        assembly = assemble(tmp_path, stack("Dns", ANY))
        assembly.refuse_other("production", ACCOUNT)
        with pytest.raises(ValueError, match="should be of 'small' .* `make synth ENV=small`"):
            assembly.refuse_other("small", ACCOUNT)
        with pytest.raises(ValueError, match="and account 999999999999, it holds mainstay-prod"):
            assembly.refuse_other("production", "999999999999")

    def test_another_synth_is_noticed(self, tmp_path):
        assembly = assemble(tmp_path, stack("Dns", ANY))
        assembly.refuse_another_synth()
        manifest = json.loads((tmp_path / "manifest.json").read_text())
        manifest["artifacts"]["Dns"]["properties"]["stackName"] = "mainstay-small-dns"
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
        with pytest.raises(ValueError, match="was synthesized again meanwhile"):
            assembly.refuse_another_synth()


class TestRollout:
    """With a CLI that notes its command and names; the real one is proven in test_cdk_cli.py."""

    @pytest.fixture
    def rollout(self, assembly):
        commands = []

        class Noting(CdkCli):
            def run(self, *arguments):
                commands.append(arguments[: arguments.index("--exclusively")])
                return CliRun(exit_code=0)

        def rollout(waves, before=lambda *_: True, after=lambda *_: True):
            cli = Noting(assembly=assembly.directory, variables={})
            made = Rollout(assembly=assembly, waves=waves, cli=cli, before=before, after=after)
            return made, commands

        return rollout

    def test_takes_the_waves_in_their_order(self, rollout, assembly):
        made, commands = rollout(plan(assembly))
        assert made.deploy()
        assert commands == [("deploy", *stacks) for stacks in paths(plan(assembly))]

    def test_takes_the_way_down_by_the_paths_of_the_stacks(self, rollout, assembly):
        made, commands = rollout(backwards(plan(assembly), {"us-west-2/App", "Dns"}))
        assert made.destroy()
        assert commands == [("destroy", "us-west-2/App"), ("destroy", "Dns")]

    def test_stops_before_a_wave_that_is_refused(self, rollout, assembly):
        made, commands = rollout(plan(assembly), before=lambda title, _: title != "Wave 2 of 4")
        assert not made.deploy()
        assert commands == [("deploy", "Dns")]

    def test_stops_behind_a_wave_that_failed(self, rollout, assembly):
        made, commands = rollout(plan(assembly), after=lambda _, wave, __: wave.title == "Dns")
        assert not made.deploy()
        assert [command[:2] for command in commands] == [
            ("deploy", "Dns"),
            ("deploy", "us-east-1/Network"),
        ]

    def test_takes_no_wave_of_another_synth(self, rollout, assembly):
        def another_synth(*_):
            assemble(assembly.directory, stack("Dns", ANY, environment="small"))
            return True

        made, commands = rollout(plan(assembly), after=another_synth)
        with pytest.raises(ValueError, match="was synthesized again meanwhile"):
            made.deploy()
        assert commands == [("deploy", "Dns")]
