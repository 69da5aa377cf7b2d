"""Answers what this machine's own processes ask of the judge, beside AWS's APIs: GET /_local/...

`task` gives the keys of a task that starts, `secret` the secret of keys that were given, `need`
a verdict on what a process stands for, such as a database's login; `calls` is the record.
"""

from __future__ import annotations

import json
import time
from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.access import judge, sessions
from local.emulator.extension.access.checks import Check
from local.emulator.extension.access.record import RECORD
from local.emulator.extension.access.services import tasks

PATH = "/_local/"

Answer = tuple[int, dict[str, str], bytes]


def answer(method: str, path: str, query: dict[str, Any]) -> Answer:
    """Answer with JSON; 403 with `error`, AWS's text, where IAM refuses."""
    question = _QUESTIONS.get((method, path.removeprefix(PATH)))
    if question is None:
        return _json(404, {"error": f"{method} {path} is asked by nobody: {sorted(_QUESTIONS)}"})
    try:
        return _json(200, question({name: values[0] for name, values in query.items()}))
    except judge.RefusedError as error:
        return _json(403, {"error": str(error)})
    except (KeyError, ValueError) as error:
        return _json(400, {"error": f"{type(error).__name__}: {error}"})


def _json(status: int, content: Any) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(content).encode()


def _task(given: dict[str, str]) -> dict[str, Any]:
    """`arn` of a task; answered as the endpoint of its containers has it, or by {} without a role.

    ECS Developer Guide, "Task IAM role".
    """
    who = tasks.started(given["arn"])
    if who is None:
        return {}
    made = sessions.credentials(who)
    expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(made["Expiration"]))
    return {**made, "Expiration": expires, "RoleArn": who.role}


def _secret(given: dict[str, str]) -> dict[str, Any]:
    """`key`, an access key."""
    found = inside.service("sts")._sessions.get(given["key"])
    if found is None:
        raise ValueError(f"'key' should be one that was given here, got '{given['key']}'")
    return {"secret": found["SecretAccessKey"], "token": found["SessionToken"], "arn": found["Arn"]}


def _need(given: dict[str, str]) -> dict[str, Any]:
    """`key`, an access key, or `role` and `name`; `action` and `resource`."""
    if "key" in given:
        who = judge.session(given["key"])
    else:
        account, role = given["role"].split(":")[4], given["role"].rpartition("/")[2]
        arn = f"arn:aws:sts::{account}:assumed-role/{role}/{given['name']}"
        who = judge.acting(given["role"], arn)
    if who is None:
        raise ValueError(f"'key' should be one that was given here, got '{given['key']}'")
    judge.need(who, [Check(given["action"], given["resource"])])
    return {"allowed": True}


def _calls(given: dict[str, str]) -> dict[str, Any]:
    """Return the record with the documents that it was judged by."""
    roles = {}
    for (account, name), role in list(inside.service("iam")._roles.to_dict().items()):
        arn = role["Arn"]
        roles[arn] = {"name": name, "account": account, "policies": _documents(role)}
    calls = RECORD.calls()
    resources = {
        one["resource"]: found
        for one in calls
        if (found := judge.resource_document(one["action"], one["resource"]))
    }
    return {
        "enforced": RECORD.enforced,
        "calls": calls,
        "unknown": RECORD.unknowns(),
        "roles": roles,
        "resources": {arn: _parsed(each) for arn, each in resources.items()},
    }


def _documents(role: dict[str, Any]) -> dict[str, Any]:
    try:
        return {name: _parsed(each) for name, each in judge.documents(role).items()}
    except ValueError:
        # Nobody acts by it: whoever does is refused, with this text.
        own = {name: _parsed(each) for name, each in (role.get("InlinePolicies") or {}).items()}
        return own | dict.fromkeys(role.get("AttachedPolicies", ()))


def _parsed(document: Any) -> Any:
    return json.loads(document) if isinstance(document, str) else document


_QUESTIONS = {
    ("GET", "task"): _task,
    ("GET", "secret"): _secret,
    ("GET", "need"): _need,
    ("GET", "calls"): _calls,
}
