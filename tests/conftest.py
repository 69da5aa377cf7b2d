"""Environments synthesized once per run, and an empty stack for the constructs' own tests."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader

ROOT = Path(__file__).parent.parent
ACCOUNT = "111122223333"

# What the packages under test make on import stays: looking through it for garbage after every 700
# objects takes a tenth of a worker's processor time.
gc.set_threshold(50_000)

# A shell that starts the suite in the background has it and all its children ignore Ctrl-C, which
# some tests send: what is not ignored here is at its default in a child.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The built-in validator costs seconds a synth. Constructs are tested without it here; every
# environment is synthesized with it, in a process of its own (`synthesize`).
os.environ["CDK_VALIDATION"] = "false"
os.environ["JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION"] = "20"
os.environ["NODE_OPTIONS"] = "--v8-pool-size=0"  # as the Makefile has it, and why
# No test may reach an AWS account, whatever the machine is configured for.
for name, value in {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    # Otherwise moto fills each account and Region with 1,300 of them when it is first asked.
    "MOTO_AMIS_PATH": str(ROOT / "tests" / "machine_images.json"),
}.items():
    os.environ[name] = value

import aws_cdk as cdk  # noqa: E402 (its kernel starts on import, with the variables of that moment)

from assembly.reader import Assembly, read  # noqa: E402
from tests.workers import FileByFile, longest_first, made_once  # noqa: E402

_read_model = JSONFileLoader.load_file
_models: dict[str, Any] = {}


def _model_once(self: JSONFileLoader, file_path: str) -> Any:
    """A model of an AWS API is read once per process, and not again for each boto3 session."""
    if (model := _models.get(file_path)) is None:
        model = _models[file_path] = _read_model(self, file_path)
    return model


JSONFileLoader.load_file = _model_once


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-snapshots", action="store_true", help="accept the templates as new")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FileByFile:
    """Whatever --dist says: the tests of a file may tell one story, in order."""
    return FileByFile(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "account" not in config.option.markexpr:
        config.hook.pytest_deselected(items=[item for item in items if _needs_account(item)])
        items[:] = [item for item in items if not _needs_account(item)]
    if hasattr(config, "workerinput"):
        items[:] = longest_first(items)


def _needs_account(item: pytest.Item) -> bool:
    return item.get_closest_marker("account") is not None


def app_environment(**variables: str) -> dict[str, str]:
    """The variables of a person's shell, with which app.py or the CDK CLI is started."""
    # CDK prints no findings where it sees pytest's own variables.
    kept = {
        name: value
        for name, value in os.environ.items()
        if name != "CDK_VALIDATION" and not name.startswith("PYTEST_")
    }
    return {**kept, "CDK_DISABLE_CLI_TELEMETRY": "true", **variables}


def synthesize(environment: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run app.py as a person would, with every gate on."""
    return subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env=app_environment(
            CDK_OUTDIR=str(directory), CDK_CONTEXT_JSON=json.dumps({"environment": environment})
        ),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def assembly_of(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Assembly]:
    """`assembly_of("small")`: an environment's assembly, synthesized once per run."""
    base = tmp_path_factory.getbasetemp()
    # The workers' temporary folders stand side by side in that of the run.
    of_the_run = base.parent if hasattr(request.config, "workerinput") else base

    @cache
    def of(environment: str) -> Assembly:
        def synthesized(directory: Path) -> None:
            done = synthesize(environment, directory)
            assert done.returncode == 0, done.stderr

        return read(made_once(of_the_run / "assemblies", environment, synthesized))

    return of


@pytest.fixture(scope="session")
def production(assembly_of: Callable[[str], Assembly]) -> Assembly:
    return assembly_of("production")


@pytest.fixture(params=["production", "small", "dev"], scope="session")
def assembly(request: pytest.FixtureRequest, assembly_of: Callable[[str], Assembly]) -> Assembly:
    """Each of the shipped environments in turn."""
    return assembly_of(request.param)


@pytest.fixture
def stack() -> cdk.Stack:
    """An empty stack in us-east-1 with the feature flags of cdk.json."""
    flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    app = cdk.App(context=flags)
    return _TestStack(app, "Test", env=cdk.Environment(account=ACCOUNT, region="us-east-1"))


class _TestStack(cdk.Stack):
    @property
    def availability_zones(self) -> list[str]:
        return ["use1-az1", "use1-az2", "use1-az4"]
