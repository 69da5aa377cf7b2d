"""A class has a name of its own, so that a search for it finds one thing."""

from __future__ import annotations

import ast
import subprocess
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Names that more than one class has to have, and why.
_SHARED = {
    "RefusedError": "state machines of the archive and of the upgrade name their functions' error",
}


def _classes() -> dict[str, list[str]]:
    """Return where each class outside tests is defined, by name.

    Private classes are left out: nobody but their module can name them.
    """
    found: dict[str, list[str]] = defaultdict(list)
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"]
    paths = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for path in paths.split():
        if path.startswith("tests/") or not (ROOT / path).exists():
            continue
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(f"{path}:{node.lineno}")
    return found


def test_names_of_classes_are_unique_outside_tests():
    classes = _classes()
    assert len(classes) > 300
    shared = {name: places for name, places in classes.items() if len(places) > 1}
    assert {name: places for name, places in shared.items() if name not in _SHARED} == {}
    assert set(shared) == set(_SHARED), "an exception that is needed no more"
