"""Template values as comparable text, references as Fn::Sub has them: `${LogicalId.Arn}`."""

import json
import re

_REFERENCE = re.compile(r"\$\{(?P<id>\w+)(\.[\w.]+)?\}")


def text(value: object) -> str:
    """Return the value as one line; two values of one text are the same to CloudFormation."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict) and len(value) == 1:
        name, argument = next(iter(value.items()))
        rendered = _intrinsic(name, argument)
        if rendered is not None:
            return rendered
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True, separators=(",", ":"))
    return str(value)


def texts(value: object) -> tuple[str, ...]:
    """Return the text of each value; one value and a list of one mean the same."""
    if value is None:
        return ()
    return tuple(text(item) for item in value) if isinstance(value, list) else (text(value),)


def referenced(rendered: str) -> str | None:
    """Return the logical id that the whole text refers to, whichever attribute it names."""
    match = _REFERENCE.fullmatch(rendered)
    return match["id"] if match else None


def is_intrinsic(value: object) -> bool:
    if not isinstance(value, dict) or len(value) != 1:
        return False
    name = next(iter(value))
    return name == "Ref" or name.startswith("Fn::")


def _intrinsic(name: str, argument: object) -> str | None:
    match name, argument:
        case "Ref", str():
            return f"${{{argument}}}"
        case "Fn::GetAtt", str():
            return f"${{{argument}}}"
        case "Fn::GetAtt", [logical_id, attribute]:
            return f"${{{text(logical_id)}.{text(attribute)}}}"
        case "Fn::Join", [separator, list(parts)]:
            return str(separator).join(text(part) for part in parts)
        case "Fn::Sub", str():
            return argument
    return None
