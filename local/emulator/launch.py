"""Runs inside the emulator's own virtual environment: the emulator, extended.

`python -m local.emulator.launch`, with the variables that `server.py` sets.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Extend the emulator's tables, then serve until a signal ends it."""
    from local.emulator import extension

    extension.install()
    from ministack.app import main as serve

    sys.argv = ["ministack"]
    serve()


if __name__ == "__main__":
    main()
