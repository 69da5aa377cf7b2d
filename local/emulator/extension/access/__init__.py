"""Permissions are real: whoever acts by a role is judged as IAM would (docs/decisions/0047).

`front` stands before every request, `services` behind what AWS does by itself for a role.
"""

from __future__ import annotations


def install() -> None:
    """Judge from now on."""
    from local.emulator.extension import inside
    from local.emulator.extension.access import actions, front, services
    from local.emulator.extension.access.record import RECORD

    actions.load()
    front.install()
    services.install()
    inside.after_reset(RECORD.forget)
