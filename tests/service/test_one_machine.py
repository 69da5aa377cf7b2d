"""`make service` and the curl lines of its page, as they are printed."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
from moto import mock_aws

from local import identity_service
from local.one_machine import OneMachine
from local.waiting import wait_until

ROOT = Path(__file__).parents[2]


def test_the_lines_of_the_page_work_as_printed(tmp_path: Path):
    (lines,) = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/service.md").read_text(), re.DOTALL)
    log = tmp_path / "log"
    with log.open("wb") as out:
        service = subprocess.Popen(
            [sys.executable, "-m", "local.identity_service", "--port", "0"],
            cwd=ROOT,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        found = wait_until(
            lambda: service.poll() is not None or re.search(r"on port (\d+);", log.read_text()),
            "it serves",
            seconds=120,
        )
        assert isinstance(found, re.Match), log.read_text()
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", lines],
            env={**os.environ, "SERVICE": f"http://acme.identity.localhost:{found[1]}"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        for expected in (
            '"login":"ada@acme.identity.localhost"',
            '"team":"compilers"',
            '"fullName":"Rear Admiral Grace Hopper"',
            '"signOn":"oauth2"',
            '"groups":',
            '"active":true',
            '"mode":"READ_WRITE"',
            '"openapi":',
        ):
            assert expected in done.stdout
        # And what it prints by itself.
        (ready,) = re.findall(r"curl -s (http://127\.0\.0\.1:\d+/health/ready)", log.read_text())
        with urllib.request.urlopen(ready, timeout=10) as answer:
            assert answer.status == 200
    finally:
        os.killpg(service.pid, signal.SIGINT)  # as a terminal's Ctrl-C reaches all of a session
        assert service.wait(timeout=60) == 0
    assert "Traceback" not in log.read_text()


def test_a_port_that_is_taken_is_one_line(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert identity_service.main(["--port", str(port)]) == 1
    said = f"service: port {port} of 127.0.0.1 is taken: choose another PORT\n"
    assert capsys.readouterr().err == said


def test_a_machine_keeps_its_aws_whatever_else_is_tested_in_the_process(machine: OneMachine):
    with mock_aws():
        assert boto3.client("dynamodb", "us-east-1").list_tables()["TableNames"] == []
    assert machine.client("dynamodb").list_tables()["TableNames"] == ["control", "session"]


def test_an_update_is_answered_with_what_it_updated_however_many_come_at_once(machine: OneMachine):
    dynamodb = machine.client("dynamodb")

    def count(_: int) -> int:
        answer = dynamodb.update_item(
            TableName="session",
            Key={"pk": {"S": "counted"}, "sk": {"S": "at once"}},
            UpdateExpression="ADD #count :one SET expires = :expires",
            ExpressionAttributeNames={"#count": "count"},
            ExpressionAttributeValues={":one": {"N": "1"}, ":expires": {"N": "1"}},
            ReturnValues="UPDATED_NEW",
        )
        return int(answer["Attributes"]["count"]["N"])

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(count, range(200))) == [*range(1, 201)]
