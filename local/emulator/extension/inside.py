"""The private parts of MiniStack 1.5.33 that the extension uses.

Everything private stands here and nowhere else, and `check()` names what a new version lost; the
contract tests find what it does differently.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

VERSION = "1.5.33"

app: Any = import_module("ministack.app")
responses: Any = import_module("ministack.core.responses")
router: Any = import_module("ministack.core.router")
engine: Any = import_module("ministack.services.cloudformation.engine")
provisioners: Any = import_module("ministack.services.cloudformation.provisioners")
stacks: Any = import_module("ministack.services.cloudformation.stacks")

_NEEDED = {
    app: ("SERVICE_HANDLERS", "_reset_all_state"),
    responses: ("AccountRegionScopedDict", "get_account_id", "get_region", "request_scope"),
    router: ("_KNOWN_AWS_SERVICE_NAMES", "_is_aws_service_name"),
    engine: ("_resolve_refs", "validate_template_support"),
    provisioners: ("_RESOURCE_HANDLERS", "_NAME_SEED", "_physical_name", "_seeded_create"),
    stacks: ("_runs_on_worker_thread",),
}


def check() -> None:
    """Raises RuntimeError with what this version of the emulator no longer has."""
    lost = [
        f"{module.__name__}.{name}"
        for module, names in _NEEDED.items()
        for name in names
        if not hasattr(module, name)
    ]
    if lost:
        raise RuntimeError(
            f"the extension was written for MiniStack {VERSION}, and this one lacks "
            f"{', '.join(lost)}: install local/requirements.lock, or fix {__name__}"
        )


def service(name: str) -> Any:
    """Return the module behind one of the emulator's services, such as "alb"."""
    return import_module(f"ministack.services.{name}")


def account() -> str:
    """Return the account of the request or stack at hand, 12 digits."""
    return responses.get_account_id()


def region() -> str:
    """Return the Region of the request or stack at hand."""
    return responses.get_region()


def replace_everywhere(module: Any, name: str, change: Callable[[Any], Any]) -> None:
    """Put `change(original)` in place of a function, also where a sibling imported its name."""
    original = getattr(module, name)
    changed = change(original)
    package = "ministack.services.cloudformation"
    for sibling in ("engine", "stacks", "changesets", "handlers", "provisioners"):
        other = import_module(f"{package}.{sibling}")
        if getattr(other, name, None) is original:
            setattr(other, name, changed)
    setattr(module, name, changed)


def handlers() -> dict[str, dict[str, Any]]:
    """CloudFormation type -> its functions: create, update, delete, and how they are called."""
    return provisioners._RESOURCE_HANDLERS


def physical_name(stack: str, logical_id: str, *, lowercase: bool = False, longest: int) -> str:
    """Return the name that a resource without one gets.

    The same in every update, new when replaced.
    """
    return provisioners._physical_name(stack, logical_id, lowercase=lowercase, max_len=longest)


def after_reset(then: Callable[[], None]) -> None:
    """Run `then` whenever the emulator forgets everything."""
    reset = app._reset_all_state

    def reset_all() -> None:
        reset()
        then()

    app._reset_all_state = reset_all
