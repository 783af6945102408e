import csv
import json
import sys

import pytest

from mien import row_files
from mien.errors import MissingExtraError, UsageError
from mien.row_files import check_ending, write_rows

COLUMNS = ("source", "face", "unsure", "p_anger")
ROWS = [
    dict(zip(COLUMNS, cells, strict=True))
    for cells in [("ä.jpg", 1, True, 0.123456789012345), ("a\udce9.jpg", None, None, None), (None, 2, False, 1.0)]
]


def test_lines_take_rows_as_they_come(tmp_path):
    taken = []

    def rows():
        for row in ROWS:
            taken.append((tmp_path / "o.jsonl").exists())
            yield row

    write_rows(rows(), tmp_path / "o.jsonl", COLUMNS)
    assert taken == [True, True, True]
    lines = (tmp_path / "o.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == ROWS


def test_a_table_of_commas(tmp_path):
    write_rows(iter(ROWS), tmp_path / "o.CSV", COLUMNS)
    with (tmp_path / "o.CSV").open(newline="", encoding="utf-8") as file:
        first, second, _ = csv.DictReader(file)
    assert list(first.values()) == ["ä.jpg", "1", "True", "0.123456789012345"]
    assert list(second.values()) == ["a\\udce9.jpg", "", "", ""]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_parquet_has_types_and_groups(tmp_path, monkeypatch, count):
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(row_files, "GROUP_ROWS", 2)
    write_rows(iter(ROWS[:count]), tmp_path / "o.parquet", COLUMNS)
    file = parquet.ParquetFile(tmp_path / "o.parquet")
    assert file.num_row_groups == (count + 1) // 2
    assert [str(field.type) for field in file.schema_arrow] == ["string", "int32", "bool", "double"]
    read = file.read().to_pylist()
    assert [row["p_anger"] for row in read] == [row["p_anger"] for row in ROWS[:count]]
    assert [row["source"] for row in read] == ["ä.jpg", "a\\udce9.jpg", None][:count]


def test_another_ending(tmp_path):
    with pytest.raises(UsageError, match=r"o\.xls: cannot tell .* must end in \.jsonl, \.csv, \.parquet"):
        check_ending(tmp_path / "o.xls")
    check_ending(tmp_path / "o.JSON", (".json",))


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"mien\[parquet\]"):
        check_ending(tmp_path / "o.parquet")
