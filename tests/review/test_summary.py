"""The summary at the end of a synth, read from the assembly alone."""

import dataclasses
import json
import resource
import subprocess
import sys

import pytest

from assembly.command import answer
from assembly.reader import read
from assembly.stack import Stack
from config.environments import ENVIRONMENTS, PRODUCTION
from review.cost import prices
from review.summary import command as summary
from review.summary import tiers
from review.summary.figures import sum_up
from review.summary.text import render


def summed(assembly, environment):
    return sum_up(assembly, environment, prices.load())


@pytest.fixture(scope="module")
def found(production):
    return summed(production, PRODUCTION)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_fits_100_columns_and_prices_everything(assembly_of, name):
    lines = render(summed(assembly_of(name), ENVIRONMENTS[name]))
    assert max(map(len, lines)) <= 100
    assert not any("not priced:" in line for line in lines)


class TestStacks:
    def test_are_all_there_with_their_resources(self, production, found):
        counted = {row.path: row.resources for row in found.stacks}
        assert sorted(counted.values()) == sorted(
            len(stack.resources) for stack in production.stacks.values()
        )
        assert sum(found.resources.values()) == sum(counted.values())

    def test_come_after_what_they_depend_on(self, production, found):
        order = [row.path for row in found.stacks]
        for stack in production.stacks.values():
            for name in stack.dependencies:
                assert order.index(production.stacks[name].path) < order.index(stack.path)

    def test_begin_with_the_zone(self, found):
        assert found.stacks[0].path == "Dns"


class TestTiers:
    def test_span_the_zones_of_the_environment(self, found):
        for region in PRODUCTION.regions:
            zones = found.zones[region.name]
            assert zones["edge"] == zones["app"] == region.zone_ids
            assert zones["data"] == tuple(sorted((*region.zone_ids, *region.data_zone_ids)))

    def test_run_their_share_of_the_peak_in_every_zone(self, found):
        rows = {(row.region, row.tier): row for row in found.tasks}
        for region in PRODUCTION.regions:
            zones = len(region.zone_ids)
            edge, app = rows[region.name, "edge"], rows[region.name, "app"]
            assert edge.floor == PRODUCTION.edge.tasks_per_zone(zones) * zones
            assert edge.ceiling == PRODUCTION.edge.max_tasks
            assert app.services == 2
            assert app.vcpu == PRODUCTION.app.cpu_units / 1_024

    def test_a_service_without_autoscaling_runs_what_it_asks_for(self):
        task = {"Cpu": "512", "Memory": "1024"}
        service = {"TaskDefinition": {"Ref": "Task"}, "DesiredCount": 3}
        stack = Stack(
            path="us-east-1/Worker",
            name="worker",
            region="us-east-1",
            template={
                "Resources": {
                    "Task": {"Type": "AWS::ECS::TaskDefinition", "Properties": task},
                    "Service": {"Type": "AWS::ECS::Service", "Properties": service},
                }
            },
        )
        (found,) = tiers.services(stack)
        assert (found.tier, found.floor, found.ceiling, found.vcpu) == ("worker", 3, 3, 0.5)


class TestFindings:
    def test_are_counted_by_rule_pack(self, found):
        assert {"AwsSolutions", "NIST.800.53.R5"} <= set(found.findings.acknowledged)
        assert found.findings.unacknowledged == 0

    def test_are_counted_once_for_each_construct(self, production, found):
        entries = 0
        for file in production.directory.glob("*.metadata.json"):
            entries += file.read_text().count('"aws:cdk:acknowledged-rules"')
        assert sum(found.findings.acknowledged.values()) == entries

    def test_left_unanswered_are_counted_from_the_report(self, tmp_path):
        (tmp_path / "manifest.json").write_text('{"artifacts": {}}')
        report = {"pluginReports": [{"violations": [{}, {}]}, {"violations": [{}]}]}
        (tmp_path / "validation-report.json").write_text(json.dumps(report))
        assert read(tmp_path).unacknowledged == 3

    def test_are_unknown_where_no_gate_ran(self, tmp_path, found):
        (tmp_path / "manifest.json").write_text('{"artifacts": {}}')
        assert read(tmp_path).unacknowledged is None
        silent = dataclasses.replace(found.findings, unacknowledged=None)
        lines = render(dataclasses.replace(found, findings=silent))
        assert any("the gates did not run" in line for line in lines)


class TestCost:
    def test_is_printed_by_line_region_and_total(self, found):
        page = "\n".join(render(found))
        for line in found.cost.lines:
            assert line.item in page
        for region in ("us-east-1", "us-west-2"):
            assert f"= {found.cost.subtotal(region):>12,.2f}" in page
        assert f"TOTAL = {found.cost.total:>12,.2f}" in page

    def test_names_what_has_no_price(self, production):
        zone = production.stacks["mainstay-production-dns"]
        more = zone.resources | {"Cluster": {"Type": "AWS::Neptune::DBCluster"}}
        changed = dataclasses.replace(zone, template={"Resources": more})
        stacks = production.stacks | {zone.name: changed}
        unpriced = sum_up(dataclasses.replace(production, stacks=stacks), PRODUCTION, prices.load())
        assert "  not priced: AWS::Neptune::DBCluster (1)" in render(unpriced)


class TestNext:
    def test_begins_with_the_placeholders(self, found):
        page = "\n".join(render(found))
        assert "the account 111122223333 is the placeholder" in page
        assert "config/environments.py" in page
        assert "bootstrap" not in page

    def test_is_the_whole_way_once_the_environment_is_the_owners(self, production):
        own = dataclasses.replace(PRODUCTION, account="210987654321", domain="id.owner.test")
        stacks = {
            name: dataclasses.replace(stack, account=own.account)
            for name, stack in production.stacks.items()
        }
        theirs = dataclasses.replace(production, stacks=stacks)
        page = "\n".join(render(summed(theirs, own)))
        assert "bootstrap aws://210987654321/us-east-1" in page
        assert page.index("deploy Dns") < page.index("Delegate") < page.index("us-west-2/*")
        assert "docs/runbooks/delegation.md" in page
        assert "placeholder" not in page


class TestCommand:
    def test_prints_figures_for_programs(self, production, capsys):
        assert summary.main([str(production.directory), "--json"]) == 0
        figures = json.loads(capsys.readouterr().out)
        monthly = [line["monthly"] for line in figures["cost"]["lines"]]
        assert figures["cost"]["total"] == pytest.approx(sum(monthly), abs=1)
        assert figures["cost"]["total"] == pytest.approx(sum(figures["cost"]["monthly"].values()))

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--environment", "none"], "'environment' should be one of production"),
            (["nowhere"], "'nowhere' should be a synthesized assembly"),
        ],
    )
    def test_fails_with_a_message_alone(self, arguments, message, capsys):
        assert answer(lambda: summary.main(arguments), "summary") == 2
        assert message in capsys.readouterr().err

    def test_fails_on_the_assembly_of_another_environment(self, production):
        with pytest.raises(ValueError, match="the assembly should be of 'small'"):
            summary.main(["--environment", "small", str(production.directory)])

    def test_is_quick_and_starts_no_cdk(self, production):
        code = (
            "import sys; from review import deploy_page; from review.summary import command; "
            "command.main([sys.argv[1]]); assert 'aws_cdk' not in sys.modules"
        )
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        arguments = [sys.executable, "-c", code, str(production.directory)]
        subprocess.run(arguments, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1
