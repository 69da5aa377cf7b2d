"""Resource types that the emulator only writes down, with nothing behind them."""

from __future__ import annotations

# CloudFormation type -> what it does on AWS that does not happen here.
RECORDED: dict[str, str] = {}
