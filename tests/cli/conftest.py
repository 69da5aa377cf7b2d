"""The environments that commands know in these tests, in moto's account."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from config.environments import ENVIRONMENTS
from tests.backup.conftest import engine  # noqa: F401 (fixtures of the parts behind commands)
from tests.upgrade.conftest import _quiet, account, definition, machine  # noqa: F401 (so too)

ACCOUNT = "123456789012"  # moto's
_REGIONS = tuple(SimpleNamespace(name=name) for name in ("us-east-1", "us-west-2"))


@pytest.fixture(autouse=True)
def _environments(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("production", "test"):
        known = SimpleNamespace(account=ACCOUNT, regions=_REGIONS)
        monkeypatch.setitem(ENVIRONMENTS, name, known)
