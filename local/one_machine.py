"""The identity service on one machine: real PostgreSQL, moto for AWS, and the real processes.

    with OneMachine() as machine:
        machine.api()            # python -m service, on a free port
        machine.worker()         # python -m service.worker
        machine.seed("acme", admin="ada@acme.example", password="...")

Nothing of it outlives the process that started it.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import boto3

from functions.control_table import mode as control
from local.postgres import ADMINISTRATOR, PostgresServer, PostgresServers
from local.postgres.binaries import stop_with_parent
from local.waiting import NotInTimeError, last_lines, wait_until

ROOT = Path(__file__).parent.parent
REGION = "us-east-1"
DOMAIN = "identity.localhost"
DATABASE = "mainstay"

_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
_READY_SECONDS = 60
_RECEIVES_MAX = 5


class NotServingError(RuntimeError):
    """A process did not serve in time; the message ends with what it wrote."""


class Process:
    """One running process of the service, and where it writes."""

    def __init__(self, name: str, child: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.child = child
        self.log = log

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Return the lines that it wrote; a line that is no JSON as {"text": ...}."""
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                found.append({"text": line})
        return found

    @property
    def port(self) -> int:
        return next(line["port"] for line in self.lines if line.get("event") == "listening")

    def stop(self, *, seconds: float = 40) -> int:
        """SIGTERM; returns the exit code."""
        self.child.terminate()
        return self.child.wait(timeout=seconds)

    def kill(self) -> None:
        """SIGKILL, where it still runs."""
        self.child.kill()
        self.child.wait()


class OneMachine:
    """Stores and queue are there from the start; processes as they are asked for.

    The entity store is master A with one reader, and with `masters=2` master B, which follows it.
    """

    def __init__(self, *, masters: int = 1, reader: bool = True) -> None:
        self._masters = masters
        self._has_reader = reader
        self.processes: list[Process] = []
        self._ends = contextlib.ExitStack()
        self.databases: dict[str, PostgresServer] = {}

    # -------------------------------------------------------------------------------- lifetime

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as ends:
            self.folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="mainstay-")))
            self.servers = ends.enter_context(PostgresServers())
            ends.callback(self._end_processes)
            self._start_aws(ends)
            self._start_databases()
            self._ends = ends.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def _end_processes(self) -> None:
        for process in self.processes:
            process.kill()

    def _start_aws(self, ends: contextlib.ExitStack) -> None:
        aws = subprocess.Popen(
            [sys.executable, "-m", "doubles.aws_in_memory"],
            cwd=ROOT,
            env={"PATH": os.environ.get("PATH", os.defpath), **_CREDENTIALS},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a terminal's Ctrl-C is this process's alone
            preexec_fn=stop_with_parent(os.getpid(), signal.SIGKILL),
        )
        ends.callback(aws.wait)
        ends.callback(aws.kill)
        assert aws.stdout is not None
        port = aws.stdout.readline().strip()
        if not port:
            raise NotServingError(f"AWS in memory ended with {aws.wait()}")
        self.endpoint = f"http://127.0.0.1:{port}"
        for table in ("control", "session"):
            self.client("dynamodb").create_table(
                TableName=table,
                AttributeDefinitions=[
                    {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")
                ],
                KeySchema=[
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"},
                ],
                BillingMode="PAY_PER_REQUEST",
            )
        sqs = self.client("sqs")
        self.dead_letters = sqs.create_queue(QueueName="events-dead")["QueueUrl"]
        policy = {
            "deadLetterTargetArn": f"arn:aws:sqs:{REGION}:123456789012:events-dead",
            "maxReceiveCount": str(_RECEIVES_MAX),
        }
        self.queue = sqs.create_queue(
            QueueName="events",
            Attributes={"RedrivePolicy": json.dumps(policy), "VisibilityTimeout": "5"},
        )["QueueUrl"]

    def _start_databases(self) -> None:
        for name in ("entity-a", "entity-b", "transaction"):
            if name != "entity-b" or self._masters == 2:
                self.databases[name] = self.servers.start(name)
        with ThreadPoolExecutor() as pool:  # each store is a system of its own
            list(
                pool.map(lambda store: self.operate("bootstrap", store), ("entity", "transaction"))
            )
        if self._has_reader:
            self.databases["reader"] = self.servers.standby("reader", of=self.databases["entity-a"])

    # ------------------------------------------------------------------------------------ commands

    def operate(self, *arguments: str) -> None:
        """Run `python -m service.operations`; RuntimeError with what it wrote where it fails."""
        variables = {
            "DATABASE_NAME": DATABASE,
            "CONTROL_TABLE": "control",
            "REPLICATION_PASSWORD": "of one machine",
            "REPLICATION_SSLMODE": "disable",
        }
        for name, server in self.databases.items():
            if name != "reader":
                prefix = name.upper().replace("-", "_")
                variables |= {
                    f"{prefix}_HOST": "127.0.0.1",
                    f"{prefix}_PORT": str(server.port),
                    f"{prefix}_USER": ADMINISTRATOR,
                }
        self.run("service.operations", arguments, variables)

    def seed(
        self,
        tenant: str,
        *,
        admin: str,
        password: str,
        secret: str | None = None,
    ) -> dict[str, str]:
        """Make a tenant with an administrator; returns the ids of tenant and application."""
        arguments = ["--tenant", tenant, "--admin", admin]
        variables = {**self.variables(), "SEED_PASSWORD": password}
        if secret:
            variables["SEED_APPLICATION_SECRET"] = secret
        return json.loads(self.run("service.seed", arguments, variables).splitlines()[-1])

    def api(self, *, wait: bool = True, **variables: str) -> Process:
        """Return a process of the API on a free port, ready unless `wait` is False."""
        return self.serve("service", wait=wait, **variables)

    def serve(self, module: str, *, wait: bool = True, **variables: str) -> Process:
        """As `api`, by another module that serves."""
        process = self._start(module, {**self.variables(), "PORT": "0", **variables})
        if wait:
            self.wait_ready(process)
        return process

    def worker(self, **variables: str) -> Process:
        return self._start("service.worker", {**self.variables(), **variables})

    def wait_ready(self, process: Process) -> None:
        """NotServingError when it is not ready in time, or ended."""

        def ready() -> bool:
            if process.child.poll() is not None:
                raise NotInTimeError(f"it ended with {process.child.returncode}")
            with contextlib.suppress(OSError, StopIteration, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=2)
                connection.request("GET", "/health/ready")
                return connection.getresponse().status == 200
            return False

        try:
            wait_until(ready, "readiness", seconds=_READY_SECONDS)
        except NotInTimeError as error:
            raise NotServingError(
                f"{process.name} does not serve: {error}\n{last_lines(process.log)}"
            ) from None

    def enter(self, mode: str, reason: str = "a test") -> int:
        """Change the Region's mode; returns the new epoch."""
        table, now = self.client("dynamodb"), datetime.now(UTC)
        found = control.read(table, "control")
        assert found is not None, "the bootstrap made the mode"
        return control.change(
            table,
            "control",
            mode=control.Mode(mode),
            reason=reason,
            by="one machine",
            at=now,
            epoch=found.epoch,
        ).epoch

    def client(self, service: str) -> Any:
        """Return a client of this machine's AWS."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    def address(self, *names: str) -> str:
        """host:port of databases, by comma."""
        return ",".join(f"127.0.0.1:{self.databases[name].port}" for name in names)

    def variables(self) -> dict[str, str]:
        """Return the variables of docs/service-contract.md for this machine."""
        masters = [name for name in ("entity-a", "entity-b") if name in self.databases]
        readers = [name for name in ("reader", "entity-b") if name in self.databases]
        return {
            **_CREDENTIALS,
            "AWS_ENDPOINT_URL": self.endpoint,
            "HOST": "127.0.0.1",
            "HALF": "blue",
            "BUILD": "local",
            "DOMAIN": DOMAIN,
            "LONGEST_REQUEST_SECONDS": "30",
            "CONTROL_TABLE": "control",
            "SESSION_TABLE": "session",
            "EVENTS_QUEUE_URL": self.queue,
            "DATABASE_NAME": DATABASE,
            "DATABASE_AUTH": "trust",
            "PGSSLMODE": "disable",
            "ENTITY_WRITER": self.address(*masters),
            "ENTITY_READERS": self.address(*(readers or masters)),
            "TRANSACTION_WRITER": self.address("transaction"),
            "TRANSACTION_READERS": self.address("transaction"),
        }

    # ------------------------------------------------------------------------------------------

    def run(self, module: str, arguments: Sequence[str], variables: Mapping[str, str]) -> str:
        """Run a module to its end; what it printed, RuntimeError where it failed."""
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=self._environment(variables),
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{module} failed:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def _start(self, module: str, variables: Mapping[str, str]) -> Process:
        log = self.folder / f"{module}-{len(self.processes)}.log"
        with log.open("wb") as out:
            child = subprocess.Popen(
                [sys.executable, "-m", module],
                cwd=ROOT,
                env=self._environment(variables),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=stop_with_parent(os.getpid(), signal.SIGKILL),
            )
        process = Process(module, child, log)
        self.processes.append(process)
        return process

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": f"{ROOT}:{ROOT / 'lambda'}",
            **_CREDENTIALS,
            "AWS_ENDPOINT_URL": self.endpoint,
            **variables,
        }
