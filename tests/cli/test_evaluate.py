import csv
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from mien.data.votes import plurality
from mien.errors import DataError
from mien.evaluation.metrics import accuracy, calibration_error
from mien.evaluation.predictions import predict
from mien.evaluation.summary import summarise
from mien.inference.session import Session
from mien.inference.weights import emotion_model


@pytest.fixture(scope="module")
def rows(small_fer2013):
    return summarise("mien-compact", small_fer2013, split="PublicTest")


def test_every_truth_with_and_without_repeats(rows):
    assert [(row.head, row.truth) for row in rows] == [
        ("fer7", "label"),
        ("fer7", "label, without repeats"),
        ("ferplus8", "arg-max"),
        ("ferplus8", "arg-max, without repeats"),
        ("ferplus8", "majority"),
        ("ferplus8", "majority, without repeats"),
    ]
    label, fresh, argmax, *_ = rows
    assert label.n == 320
    assert fresh.n <= 300
    assert argmax.n > rows[4].n > 200


def test_the_shipped_model_is_as_good_as_its_card_says(public_test):
    session = Session(emotion_model("mien-compact"))
    for head, least in (("fer7", 0.68), ("ferplus8", 0.84)):
        found = predict(session, public_test, head=head)
        assert accuracy(found) == pytest.approx(session.card.metrics[f"PublicTest/{head}/accuracy"], abs=1e-3)
        assert calibration_error(found) == pytest.approx(session.card.metrics[f"PublicTest/{head}/ece"], abs=1e-3)
        assert accuracy(found) > least
        # The card's temperature makes the scores mean more than the bare logits do.
        raw = softmax(np.log(found.scores) * session.card.head(head).temperature, axis=1)
        assert calibration_error(found) < 0.6 * calibration_error(replace(found, scores=raw))
    assert len(found) == (plurality(public_test.votes) >= 0).sum()


def test_command_prints_and_writes(mien, small_fer2013, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    target = tmp_path / "figures.csv"
    code, out, _ = mien("evaluate", "mien-compact", small_fer2013, "--head", "fer7", "-o", target)
    assert code == 0
    assert "without repeats" in out
    with target.open(newline="") as file:
        content = list(csv.DictReader(file))
    assert content[0]["n"] == "320"
    assert {"model", "sha256", "data", "split", "device", "commit", "date"} <= set(content[0])
    assert float(content[0]["accuracy_low"]) < float(content[0]["accuracy"]) < float(content[0]["accuracy_high"])


def test_wrong_questions_are_one_line(mien, small_fer2013, tmp_path):
    code, _, err = mien("evaluate", "mien-compact", tmp_path / "none.parquet")
    assert (code, err.count("\n")) == (1, 1)
    assert mien("evaluate", "mien-compact", small_fer2013, "--head", "gender")[0] == 2
    with pytest.raises(DataError, match="has no split 'Test'; there are Training, PublicTest"):
        summarise("mien-compact", small_fer2013, split="Test")
