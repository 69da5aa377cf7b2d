"""APIs that the emulator does not answer: the operations of a service, with their own state."""

from __future__ import annotations


def install() -> None:
    """Answer every operation that a module of this package registered."""
    from local.emulator.extension import inside, models
    from local.emulator.extension.apis import server

    for api in server.APIS:
        api.install()
    inside.after_reset(server.forget)
    # The emulator would read every service's model, some 300 MB, to learn these names.
    signing = {api.model.signing_name for api in server.APIS}
    inside.router._KNOWN_AWS_SERVICE_NAMES = frozenset(signing | models.names())
