"""The list prices, the assumptions and what is free, as prices.toml states them."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("prices.toml")


@dataclass(frozen=True, kw_only=True)
class Price:
    """The price of one unit, in US dollars."""

    item: str  # the words of an estimate's line
    value: float
    unit: str
    regions: tuple[str, ...]  # for which it is known; elsewhere it is a stand-in
    source: str  # the price page's name
    date: datetime.date


@dataclass(frozen=True, kw_only=True)
class Assumption:
    """A number that no template has."""

    value: float
    unit: str


@dataclass(frozen=True, kw_only=True)
class PriceList:
    """All of prices.toml. Made by `load`, or by a test."""

    prices: Mapping[str, Price]
    assumptions: Mapping[str, Assumption]
    free: Mapping[str, str]  # CloudFormation type -> why it costs nothing

    def assume(self, name: str) -> float:
        return self.assumptions[name].value

    @property
    def oldest(self) -> datetime.date:
        return min(price.date for price in self.prices.values())


def load(file: Path = FILE) -> PriceList:
    """Raises ValueError that names the entry which is not a price, an assumption or a reason."""
    data = tomllib.loads(file.read_text(encoding="utf-8"))
    prices: dict[str, Price] = {}
    for page in data["page"]:
        for key, entry in page["prices"].items():
            if key in prices:
                raise ValueError(f"'{key}' should be priced once in {file.name}, got it twice")
            prices[key] = Price(
                item=entry["item"],
                value=_number(entry["value"], key),
                unit=entry["unit"],
                regions=tuple(page["regions"]),
                source=page["name"],
                date=page["date"],
            )
    assumptions = {
        key: Assumption(value=_number(entry["value"], key), unit=entry["unit"])
        for key, entry in data["assumptions"].items()
    }
    return PriceList(prices=prices, assumptions=assumptions, free=data["free"])


def _number(value: Any, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ValueError(f"'{key}' should be 0 or more, got {value!r}")
    return float(value)
