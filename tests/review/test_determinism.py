"""The comparison of two synths, on small directories and with a stand-in for the app."""

import pytest

from assembly.command import answer
from review import determinism
from review.determinism import FileDifference, compare, render


@pytest.fixture
def sides(tmp_path):
    """Writes {name: text} on both sides and returns the two directories."""

    def _sides(one, two):
        directories = []
        for name, files in (("one", one), ("two", two)):
            directory = tmp_path / name / "cdk.out"
            for file, text in files.items():
                (directory / file).parent.mkdir(parents=True, exist_ok=True)
                (directory / file).write_text(text)
            directories.append(directory)
        return directories

    return _sides


class TestCompare:
    def test_finds_equal_files_equal(self, sides):
        files = {"manifest.json": "{}\n", "asset.1/deep/index.py": "x = 1\n"}
        comparison = compare(sides(files, files))
        assert (comparison.files, comparison.differences, comparison.masked) == (2, (), ())

    def test_shows_the_first_line_that_differs(self, sides):
        directories = sides({"a.json": "1\n2\n3\n"}, {"a.json": "1\nTWO\nTHREE\n"})
        (difference,) = compare(directories).differences
        assert difference == FileDifference(file="a.json", line=2, sides=("2", "TWO"))

    def test_shows_every_file_that_differs(self, sides):
        directories = sides({"a": "1", "b/c": "1", "d": "1"}, {"a": "2", "b/c": "2", "d": "1"})
        assert [found.file for found in compare(directories).differences] == ["a", "b/c"]

    def test_finds_a_file_that_one_side_lacks(self, sides):
        directories = sides({"a": "same", "only": "here"}, {"a": "same"})
        (difference,) = compare(directories).differences
        assert difference == FileDifference(file="only", line=1, sides=("here", None))

    def test_finds_a_missing_newline_at_the_end(self, sides):
        (difference,) = compare(sides({"a": "1\n"}, {"a": "1"})).differences
        assert difference.line == 2

    def test_reads_bytes_that_are_no_text(self, sides):
        directories = sides({"a": ""}, {"a": ""})
        (directories[0] / "a").write_bytes(b"\xff\x00")
        assert len(compare(directories).differences) == 1


class TestMask:
    def test_hides_the_temporary_folders_of_its_own_processes(self, sides):
        directories = sides({}, {})
        scratch = [directory.parent for directory in directories]
        for directory, name in zip(directories, ("kernel-AbC1", "tmp09_x"), strict=True):
            directory.mkdir(parents=True)
            path = directory.parent / "tmp" / name / "lib/program.js:1:2"
            (directory / "a.metadata.json").write_text(f"at ({path})\n")
        comparison = compare(directories, scratch)
        assert comparison.differences == ()
        assert comparison.masked == ("a.metadata.json",)

    def test_hides_nothing_beside_that_path(self, sides, tmp_path):
        one, two = (f"{tmp_path / side}/tmp/jsii-1/x.js:1" for side in ("one", "two"))
        directories = sides({"a": one + "\n"}, {"a": two + "2\n"})
        comparison = compare(directories, [tmp_path / "one", tmp_path / "two"])
        assert len(comparison.differences) == 1

    def test_hides_no_other_temporary_folder(self, sides, tmp_path):
        directories = sides({"a": "/tmp/jsii-kernel-AAAAAA"}, {"a": "/tmp/jsii-kernel-BBBBBB"})
        scratch = [tmp_path / "one", tmp_path / "two"]
        assert len(compare(directories, scratch).differences) == 1


class TestPage:
    def test_names_the_file_and_both_lines(self, sides):
        directories = sides({"a.json": "1\n  left\n"}, {"a.json": "1\n  right\n"})
        page = render("dev", compare(directories))
        assert page[1:] == ["  a.json, line 2", "    left", "    right"]

    def test_says_how_many_files_are_the_same(self, sides):
        page = render("dev", compare(sides({"a": "1"}, {"a": "1"})))
        assert page == ["dev: two synths made the same 1 files"]


MANIFEST = """(out / 'manifest.json').write_text('{"artifacts": {}}')"""


class TestCommand:
    """With a stand-in for app.py that starts in a moment; the real one is `make determinism`."""

    @pytest.fixture
    def app(self, tmp_path, monkeypatch):
        monkeypatch.setattr(determinism, "ROOT", tmp_path)

        def _app(*lines):
            start = ["import os, pathlib, sys", "out = pathlib.Path(os.environ['CDK_OUTDIR'])"]
            (tmp_path / "app.py").write_text(
                "\n".join([*start, "out.mkdir()", MANIFEST, *lines, ""])
            )
            return answer(lambda: determinism.main(["--environment", "dev"]), "determinism")

        return _app

    def test_exits_0_where_both_are_the_same(self, app, capsys):
        assert app("(out / 'a').write_text(os.environ['CDK_CONTEXT_JSON'])") == 0
        assert "the same 2 files" in capsys.readouterr().out

    def test_exits_1_where_the_order_of_a_set_shows(self, app, capsys):
        assert app("(out / 'a').write_text(repr({str(n) for n in range(50)}))") == 1
        assert "a, line 1" in capsys.readouterr().out

    def test_exits_0_where_only_the_temporary_folder_shows(self, app, capsys):
        assert app("import tempfile", "(out / 'a').write_text(tempfile.mkdtemp())") == 0
        assert "but for their own temporary folders in 1 of them" in capsys.readouterr().out

    def test_exits_2_with_what_a_failed_synth_said(self, app, capsys):
        assert app("sys.exit('a finding')") == 2
        assert (
            capsys.readouterr().err
            == "determinism: synthesizing side one failed (exit 1): a finding\n"
        )

    def test_exits_2_for_an_unknown_environment(self, capsys):
        code = answer(lambda: determinism.main(["--environment", "none"]), "determinism")
        assert code == 2
        assert "'environment' should be one of" in capsys.readouterr().err
