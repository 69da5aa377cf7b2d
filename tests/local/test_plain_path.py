"""Links that give nginx, sed and the shell a path without blanks, umlauts or brackets."""

from __future__ import annotations

import pytest

from local import plain_path as module
from local.plain_path import plain_path


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(module.tempfile, "gettempdir", lambda: str(tmp_path))
    return tmp_path


def test_a_plain_path_stays_as_it_is(tmp_path):
    assert plain_path(tmp_path / "run" / "a-1.pem") == tmp_path / "run" / "a-1.pem"


@pytest.mark.parametrize("name", ["ein Klön", "[x]", "a|b", "$HOME", "a'b", "x;y"])
def test_any_other_leads_to_the_same_place(temporary, name):
    folder = temporary / name
    folder.mkdir()
    plain = plain_path(folder / "run")
    assert plain.name == "run"
    plain.mkdir()
    assert (folder / "run").is_dir()
    assert plain_path(folder / "run") == plain, "another link for the same folder"
    assert name not in str(plain)


def test_somebody_else_s_folder_of_links_is_not_used(temporary):
    theirs = temporary / f"mainstay-paths-{module.os.getuid()}"
    theirs.mkdir()
    theirs.chmod(0o777)
    with pytest.raises(ValueError, match="should be this user's alone: remove it"):
        plain_path(temporary / "a b")
