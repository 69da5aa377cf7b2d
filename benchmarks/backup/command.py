"""Runs the command as a user gives it, and measures what the kernel says it has used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "benchmark",
    "AWS_SECRET_ACCESS_KEY": "benchmark",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@dataclass(frozen=True, kw_only=True)
class Used:
    """The JSON that it printed, its processor time and its largest resident size."""

    printed: dict[str, Any]
    cpu_seconds: float
    peak_mib: float


def run(*arguments: str) -> Used:
    """Raises RuntimeError with what it printed where it fails."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "backup", *arguments, "--json"],
        env={**os.environ, **_ENVIRONMENT},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    printed = process.stdout.read()
    process.stdout.close()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"mainstay backup {' '.join(arguments)} ended with {process.returncode}")
    return Used(
        printed=json.loads(printed),
        cpu_seconds=used.ru_utime + used.ru_stime,
        peak_mib=used.ru_maxrss / 1024,
    )
