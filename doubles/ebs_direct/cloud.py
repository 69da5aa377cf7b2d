"""One account: EBS direct, S3 and the part of EC2 that describes snapshots, behind one door."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from doubles.ebs_direct.ebs import EbsDirect
from doubles.ebs_direct.ec2 import describe_snapshots
from doubles.ebs_direct.faults import Fault, Quota
from doubles.ebs_direct.http import Response, ServiceError, SignedRequest
from doubles.ebs_direct.s3 import S3


class Killed(BaseException):
    """The process that calls is dead: no handler of errors may catch it."""


class Cloud:
    """Answers calls one at a time, counts them, and does the faults that a test asks for."""

    def __init__(self, folder: Path | None = None) -> None:
        self.offset = timedelta(0)
        self.ebs = EbsDirect(self.now)
        self.s3 = S3(self.now, folder)
        self.faults: list[Fault] = []
        self.quotas: dict[str, Quota] = {}
        self.calls: Counter[str] = Counter()
        self.log: list[tuple[str, str]] = []  # operation and path of every call
        self.kill_at: int | None = None  # the number of the call that kills, from 1
        self.kill_after = False  # the killing call is done, its answer lost
        self._dead = False
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """This machine's time, and what a test let pass besides."""
        return datetime.now(UTC) + self.offset

    def forget(self) -> None:
        """Start counting anew, without faults, alive."""
        self.faults, self.quotas = [], {}
        self.calls, self.log = Counter(), []
        self.kill_at, self._dead = None, False

    def answer(self, request: SignedRequest) -> Response:
        """Return the answer to one call.

        Raises Killed, ConnectionLost or Stalled where asked to.
        """
        with self._lock:
            if self._dead:
                raise Killed
            try:
                name, perform = self._operation(request)
                self._count(name, request)
                answer = self._answer(name, request, perform)
            except ServiceError as error:
                answer = error.answer(request.service)
            if self.kill_at is not None and len(self.log) == self.kill_at:
                self._dead = True
                raise Killed
            return answer

    def _operation(self, request: SignedRequest) -> tuple[str, Callable[[SignedRequest], Response]]:
        if request.service == "ebs":
            return self.ebs.operation(request)
        if request.service == "s3":
            return self.s3.operation(request)
        if request.service == "ec2":
            return "DescribeSnapshots", lambda request: describe_snapshots(self.ebs, request)
        raise ServiceError(403, "MissingAuthenticationTokenException", "the request is not signed")

    def _count(self, name: str, request: SignedRequest) -> None:
        self.calls[name] += 1
        self.log.append((name, request.path))
        if self.kill_at is not None and len(self.log) == self.kill_at and not self.kill_after:
            self._dead = True
            raise Killed

    def _answer(
        self, name: str, request: SignedRequest, perform: Callable[[SignedRequest], Response]
    ) -> Response:
        if name in self.quotas:
            self.quotas[name].take()
        fault = next((f for f in self.faults if f.takes(name, request.path)), None)
        if fault is not None:
            return fault.apply(lambda: perform(request))
        return perform(request)
