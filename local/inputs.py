"""What an assembly is made of, so that it is made again only when something of that has changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

ROOT = Path(__file__).parents[1]

# Whatever app.py reads: the code, the folders that become assets, and the pins.
_FOLDERS = ("config", "stacks", "constructs", "lambda", "service", "dumps", "cli")
_FILES = ("app.py", "cdk.json", "requirements.txt", "package-lock.json")
_LEFT_OUT = ("__pycache__",)


def digest(*settings: str) -> str:
    """Return a hash of every byte that a synth depends on, and of the settings that it is given."""
    found = hashlib.sha256("\0".join(settings).encode())
    for file in _inputs():
        found.update(f"{file.relative_to(ROOT)}\0{file.stat().st_size}\0".encode())
        found.update(file.read_bytes())
    return found.hexdigest()


def _inputs() -> list[Path]:
    inside = [
        file
        for folder in _FOLDERS
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and not set(file.parts) & set(_LEFT_OUT)
    ]
    named = [ROOT / name for name in _FILES]
    return sorted([*inside, *(file for file in named if file.exists())])
