"""APIs that the emulator does not answer: the operations of a service, with their own state."""

from __future__ import annotations


def install() -> None:
    """Answer every operation that a module of this package registered."""
    from local.emulator.extension import inside
    from local.emulator.extension.apis import server

    for api in server.APIS:
        api.install()
    inside.after_reset(server.forget)
