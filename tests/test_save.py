import csv
import json
import sys

import pytest

from mien.errors import MissingExtraError, OutputError, UsageError
from mien.results import Box, Emotions, Face, FaceResult, ImageResult
from mien.save import check_output, save_results

LABELS = ("anger", "neutral")
FACE = FaceResult(Face(Box(1.5, 2, 5, 8), 0.9), Emotions(LABELS, (0.123456789012345, 0.876543210987655)))
RESULTS = [ImageResult((FACE, FACE), 10, 20, "m", "ä.jpg"), ImageResult((), 3, 4, "m", "b.jpg")]


def test_json_is_a_list_of_pictures_with_exact_numbers(tmp_path):
    save_results(RESULTS, tmp_path / "o.json", labels=LABELS)
    content = json.loads((tmp_path / "o.json").read_text(encoding="utf-8"))
    assert content == [result.to_dict() for result in RESULTS]
    assert content[0]["faces"][0]["emotions"]["anger"] == 0.123456789012345


def test_jsonl_is_a_picture_a_line(tmp_path):
    save_results(RESULTS, tmp_path / "o.jsonl", labels=LABELS)
    lines = (tmp_path / "o.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["source"] for line in lines] == ["ä.jpg", "b.jpg"]


def test_csv_keeps_pictures_without_a_face(tmp_path):
    save_results(RESULTS, tmp_path / "o.CSV", labels=LABELS)
    with (tmp_path / "o.CSV").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["source"], row["face"], row["top"]) for row in rows] == [
        ("ä.jpg", "1", "neutral"),
        ("ä.jpg", "2", "neutral"),
        ("b.jpg", "", ""),
    ]
    assert float(rows[0]["p_anger"]) == 0.123456789012345


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_no_emotion_is_left_out_of_a_table_in_silence(tmp_path, ending):
    with pytest.raises(UsageError, match="labels= lacks neutral of the results"):
        save_results(RESULTS, tmp_path / f"o{ending}", labels=LABELS[:1])
    assert list(tmp_path.iterdir()) == []


def test_one_result_in_place_of_several(tmp_path):
    with pytest.raises(UsageError, match=r"takes the results of several pictures; give this one as \[result\]"):
        save_results(RESULTS[0], tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []


def test_the_path_may_be_a_text(tmp_path):
    save_results(RESULTS, str(tmp_path / "o.jsonl"), labels=LABELS)
    assert (tmp_path / "o.jsonl").is_file()


def test_without_labels_they_are_those_of_the_first_face(tmp_path):
    save_results(RESULTS[::-1], tmp_path / "o.csv")
    with (tmp_path / "o.csv").open(newline="", encoding="utf-8") as file:
        assert [row["p_anger"] for row in csv.DictReader(file)] == ["", *["0.123456789012345"] * 2]


@pytest.mark.parametrize("results", [RESULTS, RESULTS[1:], []])
def test_parquet_has_its_columns_even_without_faces(tmp_path, results):
    parquet = pytest.importorskip("pyarrow.parquet")
    save_results(results, tmp_path / "o.parquet", labels=LABELS)
    table = parquet.read_table(tmp_path / "o.parquet")
    assert table.num_rows == sum(max(len(result), 1) for result in results)
    assert {"source", "x1", "top", "p_anger", "p_neutral"} <= set(table.column_names)
    assert str(table.schema.field("p_anger").type) == "double"
    assert str(table.schema.field("unsure").type) == "bool"


def test_unknown_ending_and_unwritable_place_are_told_before_the_work(tmp_path):
    with pytest.raises(UsageError, match=r"must end in \.json, \.jsonl, \.csv, \.parquet"):
        check_output(tmp_path / "o.xls")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        check_output(tmp_path / "file" / "o.json")


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"mien\[parquet\]"):
        check_output(tmp_path / "o.parquet")
