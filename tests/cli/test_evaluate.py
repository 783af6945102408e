import csv

import pytest

from mien.errors import DataError
from mien.evaluation.summary import summarise

HEADLINE = {"fer7": ("label", 0.69), "ferplus8": ("arg-max", 0.825)}


@pytest.fixture(scope="module")
def rows(shared):
    return summarise("mien-compact", shared / "data" / "fer2013.parquet", split="PublicTest")


def test_every_truth_with_and_without_repeats(rows):
    assert [(row.head, row.truth, row.n) for row in rows] == [
        ("fer7", "label", 3589),
        ("fer7", "label, without repeats", 3309),
        ("ferplus8", "arg-max", 3561),
        ("ferplus8", "arg-max, without repeats", 3281),
        ("ferplus8", "majority", 3191),
        ("ferplus8", "majority, without repeats", 2931),
    ]


def test_the_shipped_model_is_as_good_as_its_card_says(rows):
    from mien.inference.session import Session
    from mien.inference.weights import emotion_model

    metrics = Session(emotion_model("mien-compact")).card.metrics
    for row in rows:
        if row.truth == HEADLINE[row.head][0]:
            assert row.metrics["accuracy"].value == pytest.approx(metrics[f"PublicTest/{row.head}/accuracy"], abs=1e-3)
            assert row.metrics["ece"].value < 0.05


def test_command_prints_and_writes(mien, shared, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    target = tmp_path / "figures.csv"
    data = shared / "data" / "fer2013.parquet"
    code, out, _ = mien("evaluate", "mien-compact", data, "--split", "PublicTest", "--head", "fer7", "-o", target)
    assert code == 0
    assert "without repeats" in out
    with target.open(newline="") as file:
        content = list(csv.DictReader(file))
    assert [row["n"] for row in content] == ["3589", "3309"]
    assert {"model", "sha256", "data", "split", "device", "commit", "date"} <= set(content[0])
    assert float(content[0]["accuracy_low"]) < float(content[0]["accuracy"]) < float(content[0]["accuracy_high"])


def test_wrong_questions_are_one_line(mien, shared, tmp_path):
    data = shared / "data" / "fer2013.parquet"
    code, _, err = mien("evaluate", "mien-compact", tmp_path / "none.parquet")
    assert (code, err.count("\n")) == (1, 1)
    assert mien("evaluate", "mien-compact", data, "--head", "gender")[0] == 2
    with pytest.raises(DataError, match="no pictures of split 'Test'"):
        summarise("mien-compact", data, split="Test")
