"""Every endpoint in each mode: `python -m service.api.matrix` prints docs/service-modes.md."""

from __future__ import annotations

from service.api.call import Endpoint
from service.api.table import ENDPOINTS

_HEAD = """\
# Every endpoint in each mode

Made by `python -m service.api.matrix` from the table that routes requests
(`service/api/table.py`), and tested for every line. A refusal is 503 `E0000010` with
`Retry-After`, before any store is asked.

| endpoint | who may | stores | READ_WRITE | READ_ONLY |
|---|---|---|---|---|
"""
_WHO = {
    "none": "anyone, without a tenant",
    "anyone": "anyone",
    "session": "a session",
    "admin": "an administrator's session",
    "application": "an application's secret",
}


def page(endpoints: tuple[Endpoint, ...] = ENDPOINTS) -> str:
    """The page as Markdown."""
    return _HEAD + "".join(
        f"| `{each.method} {each.path}` | {_WHO[each.access]} | {', '.join(each.stores) or 'none'} "
        f"| served | {'refused' if each.writes else 'served'} |\n"
        for each in endpoints
    )


if __name__ == "__main__":
    print(page(), end="")
