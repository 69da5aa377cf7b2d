"""What a function's asset is made of."""

from pathlib import Path

import pytest

from mainstay.functions import function_code
from mainstay.functions.function_code import package_files


def test_imports_of_imports_come_with_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    files = {
        "first": "from functions.second.a import b\n",
        "second": "def late():\n    import functions.third.c as c\n    return c\n",
        "third": "from functions import first\n",
        "fourth": "import functions.first\n",
    }
    for name, text in files.items():
        (tmp_path / "functions" / name).mkdir(parents=True)
        (tmp_path / "functions" / name / "__init__.py").touch()
        (tmp_path / "functions" / name / "a.py").write_text(text)
    monkeypatch.setattr(function_code, "LAMBDA_FOLDER", tmp_path)
    package_files.cache_clear()
    three = ("functions/first/**", "functions/second/**", "functions/third/**")
    assert package_files("first") == ("functions/__init__.py", *three)
    assert package_files("third") == ("functions/__init__.py", *three)
    package_files.cache_clear()


def test_fails_on_a_package_that_is_not_there():
    with pytest.raises(ValueError, match=r"'package' should be a folder .* got 'nothing'"):
        package_files("nothing")
