"""The suite is shared by whole files, the longest first, and what is made once is made once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.workers import LONG, TOGETHER, longest_first, made_once, unit

ROOT = Path(__file__).parents[1]


def test_a_file_is_a_unit_whole_with_its_classes():
    assert unit("tests/test_it.py::TestGroup::test_one[a::b]") == "tests/test_it.py"


def test_files_that_share_a_server_are_one_unit():
    assert {unit(f"{folder}test_{n}.py::test") for folder in TOGETHER for n in "ab"} == {*TOGETHER}


def test_a_folder_below_is_not_part_of_the_unit():
    assert (
        unit("tests/service/operations/test_it.py::test") == "tests/service/operations/test_it.py"
    )


@pytest.mark.parametrize("name", [*TOGETHER, *LONG])
def test_every_name_is_still_there(name: str):
    path = ROOT / name
    assert path.is_dir() if name.endswith("/") else path.is_file()


def test_the_longest_begin_and_all_else_keeps_its_order():
    names = ("tests/z.py::b", f"{LONG[1]}::a", "tests/z.py::a", f"{LONG[0]}::b", f"{LONG[0]}::a")
    items: list[Any] = [SimpleNamespace(nodeid=name) for name in names]
    ordered = [item.nodeid for item in longest_first(items)]
    assert ordered == [names[3], names[4], names[1], names[0], names[2]]


def test_what_two_ask_for_at_once_is_made_once(tmp_path: Path):
    asked, made = threading.Barrier(2), []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "file").write_text("whole")

    def ask() -> str:
        asked.wait(10)
        return (made_once(tmp_path / "shared", "it", make) / "file").read_text()

    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(ask) for _ in range(2)]
        assert [answer.result(10) for answer in answers] == ["whole", "whole"]
    assert len(made) == 1


def test_what_failed_is_tried_again(tmp_path: Path):
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        made_once(tmp_path / "shared", "it", fail)
    folder = made_once(tmp_path / "shared", "it", lambda folder: (folder / "file").touch())
    assert [file.name for file in folder.iterdir()] == ["file"]
