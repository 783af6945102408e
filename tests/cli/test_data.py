"""`mien data` from the command line: what is printed, what is made, which exit code."""

import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from mien.cli.data import app
from mien.data.fer2013_columns import META
from mien.data.preparation import MAX_SIZE
from mien.data.table import open_table
from mien.data.writing import write_table
from mien.errors import DataError, MienError, UsageError
from tests.data.sources.layouts_on_disk import csv_rows, put, vote_rows, write_csv


@pytest.fixture
def run(monkeypatch):
    """A function that runs a command and returns what it printed; errors of mien are raised."""
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: object) -> str:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if isinstance(result.exception, MienError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output

    return call


@pytest.fixture
def folder(tmp_path: Path, faces) -> Path:
    """A folder with fer2013.csv and fer2013new.csv."""
    write_csv(tmp_path / "fer2013.csv", csv_rows(faces))
    write_csv(tmp_path / "fer2013new.csv", vote_rows(faces))
    return tmp_path


def test_layouts_lists_them_all(run) -> None:
    printed = run("layouts")
    assert all(name in printed for name in ("fer2013-csv", "raf-ml", "ck+", "huggingface"))


def test_a_table_is_told_before_a_report_that_fails(mien, folder: Path) -> None:
    table = folder / "x.parquet"
    (folder / "r.html").write_text("another report")
    code, out, err = mien("data", "prepare", folder, "-l", "ferplus", "-o", table, "--report", folder / "r.html")
    assert (code, "r.html: exists already" in err) == (1, True)
    assert f"mien data info {table}" in " ".join(out.split())


def test_prepare_then_info(run, folder: Path) -> None:
    table = folder / "x.parquet"
    printed = run("prepare", folder, "--layout", "ferplus", "--output", table, "--report", folder / "r.html")
    assert "48" in printed
    assert f"mien data info {table}" in printed
    assert (folder / "r.html").stat().st_size > 2000
    printed = run("info", table)
    assert "Training 24, PublicTest 12, PrivateTest 12" in printed
    assert "█" in printed
    assert "exact duplicates: 0 pictures in 0 groups" in printed
    assert "leakage: none" in printed
    assert "█" not in run("info", table, "--no-checks")


def test_names_that_are_no_utf8_lose_nothing(mien, folder: Path, pngs) -> None:
    data = folder / os.fsdecode(b"d\xff")
    names = [b"happy/\xff.png", b"happy/\\udcff.png", b"happy/\xfe.txt", b"sad/\xfe.png", b"B\xff/1.png"]
    try:
        put(data, [os.fsdecode(name) for name in names], pngs)
    except OSError:
        pytest.skip("this file system takes no such names")
    (data / "sad" / os.fsdecode(b"\xfd.png")).write_bytes(b"broken")
    table = folder / "x.parquet"
    prepare = ("prepare", data, "--layout", "folders", "--output", table)
    code, out, err = mien("data", *prepare, "--own-classes", "--report", folder / "r.html")
    assert (code, err) == (0, "")
    assert "d\\udcff/sad/\\udcfd.png: is not a picture that can be read" in out.replace("\n", "")
    assert "happy/\\udcfe.txt: is not a picture by its name" in (folder / "r.html").read_text(encoding="utf-8")
    paths = ["B\\udcff/1.png", "happy/\\udcff.png", "d\\udcff/happy/\\udcff.png", "sad/\\udcfe.png"]
    assert sorted(record.path for record in open_table(table).records()) == sorted(paths)
    assert set(pq.read_table(table)["label"].to_pylist()) == {"B\\udcff", "happiness", "sadness"}

    assert mien("data", "export", table, "--output", folder / "out")[::2] == (0, "")
    again = folder / "again.parquet"
    assert mien("data", "prepare", folder / "out", "--layout", "folders", "--output", again)[::2] == (0, "")
    assert list(open_table(again).records()) == list(open_table(table).records())
    code, out, err = mien("data", "rename", data, "--output", folder / "flat", "--dry-run")
    assert (code, err, "sad/\\udcfe.png -> " in out) == (0, "", True)
    assert mien("data", "rename", data, "--output", folder / "flat")[::2] == (0, "")
    assert (folder / "flat" / "sa_1.png").read_bytes() == (data / "sad" / os.fsdecode(b"\xfe.png")).read_bytes()


def test_options_of_prepare_reach_the_table(run, folder: Path) -> None:
    table = folder / "x.parquet"
    options = ["--gray", "--size", "32", "--drop", "disgust", "--drop", "fear", "--license", "CC0", "--limit", "6"]
    run("prepare", folder, "-l", "ferplus", "-o", table, *options, "--scale-on", "Training", "--drop-duplicates")
    meta = open_table(table).meta
    assert meta.label_set.name == "fer7-without-disgust-fear"
    assert meta.license == "CC0"
    assert meta.preparation == (
        "rule fer2013",
        "labels of at least 3 votes",
        "gray",
        "size 32",
        "without disgust",
        "without fear",
        "limit 6",
        "without 0 exact duplicates",
    )
    assert meta.scaling is not None
    assert open_table(table).split_counts()["Training"] <= 6


def test_classes_of_ones_own_reach_the_table(run, tmp_path: Path, pngs) -> None:
    put(tmp_path / "data", ["Bored/1.png", "Focused/2.png"], pngs)
    table = tmp_path / "own.parquet"
    assert "own: Bored, Focused" in run("prepare", tmp_path / "data", "-l", "folders", "-o", table, "--own-classes")
    assert open_table(table).meta.label_set.labels == ("Bored", "Focused")
    with pytest.raises(DataError, match="take others as classes with --own-classes"):
        run("prepare", tmp_path / "data", "-l", "folders", "-o", table, "--overwrite")


def test_what_is_left_out_is_printed(run, folder: Path, faces) -> None:
    rows = csv_rows(faces)
    rows[2][1] = "1 2 3"
    write_csv(folder / "fer2013.csv", rows)
    printed = run("prepare", folder, "-l", "fer2013-csv", "-o", folder / "x.parquet")
    assert "left out: 1" in printed
    assert "1 x pixels are not 2304 numbers" in printed
    assert "fer2013.csv, row 3" in printed
    with pytest.raises(DataError, match="row 3: pixels are not 2304 numbers"):
        run("prepare", folder, "-l", "fer2013-csv", "-o", folder / "y.parquet", "--strict")
    assert not (folder / "y.parquet").exists()


def test_split_merge_and_show(run, folder: Path) -> None:
    table, split, merged, sheet = (folder / name for name in ("x.parquet", "s.parquet", "m.parquet", "sheet.png"))
    run("prepare", folder, "-l", "fer2013-csv", "-o", table)
    assert "train" in run("split", table, "-o", split, "--seed", 1)
    assert set(open_table(split).split_counts()) == {"train", "validation", "test"}
    run("split", table, "-o", split, "--shares", "75/25", "--together", "duplicates", "--overwrite")
    assert open_table(split).meta.preparation == ("split 75/25 by duplicates, seed 0",)
    assert "96" in run("merge", table, split, "-o", merged)
    run("show", merged, "-o", sheet)
    assert sheet.read_bytes().startswith(b"\x89PNG")


def test_a_table_without_rows_is_shown_as_such(run, tmp_path: Path) -> None:
    write_table(tmp_path / "empty.parquet", META, [])
    printed = run("info", tmp_path / "empty.parquet", "--report", tmp_path / "r.html")
    assert "happiness" in printed
    assert (tmp_path / "r.html").exists()


def test_export_and_prepare_again(run, folder: Path) -> None:
    table, back = folder / "x.parquet", folder / "back.parquet"
    run("prepare", folder, "-l", "ferplus", "-o", table)
    assert "wrote 48 pictures" in run("export", table, "-o", folder / "out")
    run("prepare", folder / "out", "-l", "folders", "-o", back)
    assert list(open_table(back).records()) == list(open_table(table).records())


def test_rename_says_what_it_would_do_and_does_it(run, tmp_path: Path, pngs) -> None:
    source = put(tmp_path / "in", ["angry/x.png", "happy/y.png", "hungry/z.png"], pngs)
    printed = run("rename", source, "-o", tmp_path / "out", "--dry-run")
    assert "x.png -> " in printed
    assert "2 pictures would be copied; nothing was done" in printed
    assert "hungry" in printed
    assert not (tmp_path / "out").exists()
    assert "copied 2 pictures" in run("rename", source, "-o", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["an_0.png", "ha_0.png"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("prepare", "x", "-l", "folder", "-o", "y.parquet"), "unknown layout 'folder'"),
        (("prepare", "x", "-l", "folders", "-o", "y.csv"), "y.csv: the table is a Parquet file; .* such as y.parquet"),
        (("split", "x", "-o", "y", "--together", "person"), "unknown way to keep pictures together 'person'"),
        (("split", "x", "-o", "y.parquet", "--shares", "1/2"), "'1/2' are no shares"),
        (("split", "x", "-o", "y"), "--output y: the table is a Parquet file"),
        (("merge", "x", "-o", "y.parquet", "--labels", "fer8"), "unknown label set 'fer8'"),
        (("merge", "x", "-o", "y"), "--output y: the table is a Parquet file"),
    ],
)
def test_wrong_usage_exits_with_2(run, arguments: tuple[str, ...], text: str) -> None:
    with pytest.raises(UsageError, match=text) as error:
        run(*arguments)
    assert error.value.exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (("split", "x", "-o", "y.parquet", "--seed", "-1"), "x>=0"),
        (("prepare", "x", "-l", "folders", "-o", "y.parquet", "--size", "0"), f"1<=x<={MAX_SIZE}"),
        (("prepare", "x", "-l", "folders", "-o", "y.parquet", "--size", "100000"), f"1<=x<={MAX_SIZE}"),
    ],
)
def test_a_number_out_of_range_is_refused(arguments: tuple[str, ...], allowed: str) -> None:
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert f"is not in the range {allowed}" in result.output


def test_brackets_in_names_are_printed(run, tmp_path: Path, pngs, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    put(Path("in"), ["sad[old]/1.png", "glad/2.png"], pngs)
    printed = run(
        "prepare", "in", "-l", "folders", "--own-classes", "-o", "x[clean].parquet", "--report", "r[clean].html"
    )
    assert "wrote x[clean].parquet; look at it with: mien data info x[clean].parquet" in printed
    assert "report: r[clean].html" in printed
    printed = run("info", "x[clean].parquet", "--report", "s[clean].html")
    assert "report: s[clean].html" in printed
    assert printed.count("sad[old]") == 2, "once in the label set, once in the balance"
    assert "wrote sheet[clean].png" in run("show", "x[clean].parquet", "-o", "sheet[clean].png")
    assert "below out[clean]" in run("export", "x[clean].parquet", "-o", "out[clean]")
    put(Path("more"), ["sad/1.png"], pngs)
    assert "to flat[clean]" in run("rename", "more", "-o", "flat[clean]")


def test_a_file_that_is_not_there_exits_with_1(run, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.parquet: no such file") as error:
        run("info", tmp_path / "none.parquet")
    assert error.value.exit_code == 1
