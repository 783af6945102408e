import csv
import json
from dataclasses import replace

import pytest

from mien import row_files
from mien.errors import UsageError
from mien.film.tables import check_table, save_events, save_frames
from tests.film.test_journal import frame

LABELS = ("anger", "neutral")
RESULTS = [frame(0, faces=1), frame(1, faces=0), frame(2, faces=2)]


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_csv_has_a_row_a_face_and_one_for_a_frame_without(tmp_path):
    save_frames(iter(RESULTS), tmp_path / "o.csv", labels=LABELS)
    rows = rows_of(tmp_path / "o.csv")
    assert [(row["frame"], row["track_id"], row["label"]) for row in rows] == [
        ("0", "3", "neutral"),
        ("1", "", ""),
        ("2", "3", "neutral"),
        ("2", "3", "neutral"),
    ]
    assert float(rows[0]["smoothed_anger"]) == 0.123456789012345
    assert float(rows[0]["p_anger"]) == 0.1
    assert float(rows[2]["time_s"]) == 0.08


def test_parquet_in_groups_says_the_same(tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(row_files, "GROUP_ROWS", 2)
    save_frames(iter(RESULTS), tmp_path / "o.parquet", labels=LABELS)
    save_frames(iter(RESULTS), tmp_path / "o.csv", labels=LABELS)
    file = parquet.ParquetFile(tmp_path / "o.parquet")
    assert file.num_row_groups == 2
    table = file.read()
    expected = rows_of(tmp_path / "o.csv")
    assert table.column_names == list(expected[0])
    for row, same in zip(table.to_pylist(), expected, strict=True):
        assert {key: "" if value is None else str(value) for key, value in row.items()} == same
    assert str(table.schema.field("track_id").type) == "int32"
    assert str(table.schema.field("label_unsure").type) == "bool"


def test_no_faces_at_all_still_have_their_columns(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    save_frames([frame(1, faces=0)], tmp_path / "o.parquet", labels=LABELS)
    table = parquet.read_table(tmp_path / "o.parquet")
    assert (table.num_rows, str(table.schema.field("smoothed_neutral").type)) == (1, "double")


def test_jsonl_is_a_frame_a_line(tmp_path):
    save_frames(iter(RESULTS), tmp_path / "o.jsonl", labels=LABELS)
    lines = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines == [result.to_dict() for result in RESULTS]


def test_events_are_a_table_of_their_own(tmp_path):
    save_events(iter(RESULTS), tmp_path / "e.csv")
    (row,) = rows_of(tmp_path / "e.csv")
    assert (row["source"], row["emotion"], float(row["duration_s"])) == ("ä.mp4", "anger", pytest.approx(0.2))
    save_events(iter(RESULTS), tmp_path / "e.parquet")
    assert pytest.importorskip("pyarrow.parquet").read_table(tmp_path / "e.parquet").to_pylist()[0]["apex_s"] == 0.2


def test_another_ending(tmp_path):
    with pytest.raises(UsageError, match=r"must end in \.jsonl, \.csv, \.parquet"):
        check_table(tmp_path / "o.json")


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_name_that_is_no_utf8_is_written(tmp_path, ending):
    results = [replace(result, source="caf\udce9.mp4") for result in RESULTS]
    save_frames(iter(results), tmp_path / f"o.{ending}", labels=LABELS)
    save_events(iter(results), tmp_path / f"e.{ending}")
    if ending == "csv":
        assert rows_of(tmp_path / "e.csv")[0]["source"] == "caf\\udce9.mp4"
    if ending == "jsonl":
        assert json.loads((tmp_path / "e.jsonl").read_text())["source"] == "caf\udce9.mp4"
