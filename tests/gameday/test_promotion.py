"""The promotion drill in small: it holds as shipped, and sees it where a write is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gameday import promotion
from gameday.promotion import PromotionDrill, drill, holds

SMALL = {"writers": 3, "readers": 2, "before_seconds": 0.7, "after_seconds": 0.3}


def test_no_acknowledged_write_is_lost_with_a_master_even_if_its_reader_heard_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    small = PromotionDrill(**SMALL, cut_off_seconds=0.5)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["promotion"])
    monkeypatch.setattr(promotion, "drill", lambda plan: drill(small))
    assert promotion.main() == 0
    report = json.loads((tmp_path / "out/promotion.json").read_text())
    assert report["lost_writes"] == 0
    assert report["acknowledged_writes"] > 0
    assert holds(report), report
    assert report["detection_seconds"] <= report["detection_budget_seconds"]
    assert {"promotion_seconds", "read_gap_seconds", "aurora"} <= report.keys()
    assert "detection budget 6.6 s" in capsys.readouterr().out
    assert "<svg" in (tmp_path / "out/promotion.svg").read_text()


def test_a_write_that_only_the_master_had_is_counted_as_lost():
    report = drill(PromotionDrill(**SMALL, cut_off_seconds=0.5, reader_acknowledges=False))
    assert report["lost_writes"] > 0
    assert not holds(report)
