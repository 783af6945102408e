import csv
import os
from dataclasses import fields, replace

import numpy as np
import pytest

from mien.errors import DataError
from mien.evaluation.predictions import Predictions, predict
from mien.evaluation.predictions_file import read_foreign_predictions, read_predictions, write_predictions
from mien.inference.session import Session
from mien.inference.weights import emotion_model
from mien.labels import FER7


@pytest.fixture(scope="module")
def session():
    return Session(emotion_model("mien-compact"))


@pytest.fixture
def scored(session, drawn_samples):
    return predict(session, drawn_samples, head="fer7", data="drawn.parquet")


def assert_same(a, b):
    for field in fields(Predictions):
        one, other = getattr(a, field.name), getattr(b, field.name)
        if field.name == "groups":
            assert {name: values.tolist() for name, values in one.items()} == {
                name: values.tolist() for name, values in other.items()
            }
        elif isinstance(one, np.ndarray):
            assert one.dtype.kind == other.dtype.kind, field.name
            assert np.array_equal(one, other, equal_nan=one.dtype.kind == "f"), field.name
        else:
            assert one == other, field.name


def test_what_is_written_is_read(scored, tmp_path):
    grouped = replace(scored, groups={"source": np.array(["a", "b"] * 32)})
    write_predictions(grouped, tmp_path / "p.parquet")
    assert_same(read_predictions(tmp_path / "p.parquet"), grouped)


def test_several_labels_too(tmp_path):
    draw = np.random.default_rng(0)
    several = Predictions(
        ids=np.array(list("abcde")),
        targets=draw.random((5, 3)) < 0.5,
        scores=draw.random((5, 3)),
        labels=("x", "y", "z"),
        model="m",
        task="multi",
        thresholds=(0.2, 0.5, 0.7),
    )
    write_predictions(several, tmp_path / "p.parquet")
    assert_same(read_predictions(tmp_path / "p.parquet"), several)


def write_csv(path, scored, *, header=("File", "Angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([name, *row] for name, row in zip(scored.ids, scored.scores.tolist(), strict=True))


def test_a_csv_of_another_tool_is_joined_to_the_truth(scored, drawn_samples, tmp_path):
    write_csv(tmp_path / "other.csv", scored)
    found = read_foreign_predictions(tmp_path / "other.csv", drawn_samples.take(np.arange(30)), data="d")
    assert found.labels == FER7.labels
    assert (found.model, found.head, found.truth, found.data) == ("other", "fer7", "label", "d")
    assert found.ids.tolist() == drawn_samples.ids[:30].tolist()
    assert np.allclose(found.scores, scored.scores[:30], atol=1e-12)
    assert (found.targets == drawn_samples.fer7[:30]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("File", "who"), "has no column of picture names"),
        (lambda text: text.replace("happy", "laughing"), "nearest is fer7, of which they lack happiness"),
        (lambda text: text.replace("fear", "other"), "nearest is fer7, of which they lack fear and add other"),
        (lambda text: text.replace("sad", "fear"), "two columns stand for fear"),
        (lambda text: text.replace("drawn03", "drawn02"), "picture drawn02 has two rows"),
        (lambda text: text.replace("drawn03", "other"), "1 of the 64 labelled pictures have no row.*drawn03"),
        (lambda text: text.replace("drawn03,0", "drawn03,nan,0,0,0,0,0,1,0"), "no number .NaN or infinite.*drawn03"),
        (lambda text: text.replace("drawn03,0", "drawn03,5,0,0,0,0,0,1,0"), "outside 0 to 1, the first is drawn03"),
        (lambda text: text.replace("drawn03,0", "drawn03,1,0,0,0,0,0,1,0"), "do not sum to one.*drawn03 with 2.0000"),
        (lambda text: text.replace("drawn03,0", "drawn03,lots,0"), "is no number .*lots"),
        (lambda text: "", "is no CSV with a heading"),
        (lambda text: text + '"' + 140_000 * "a", "cannot be read as CSV .*; is a quote in it not closed"),
    ],
)
def test_what_is_wrong_with_a_csv_is_said(scored, drawn_samples, tmp_path, change, message):
    path = tmp_path / "other.csv"
    write_csv(path, scored)
    path.write_text(change(path.read_text()))
    with pytest.raises(DataError, match=message) as caught:
        read_foreign_predictions(path, drawn_samples)
    assert "other.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_wrong_with_a_file_is_said(scored, drawn_samples, tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_predictions(tmp_path / "none.parquet")
    (tmp_path / "no.parquet").write_bytes(b"no")
    with pytest.raises(DataError, match=r"no\.parquet: holds no predictions of mien's"):
        read_predictions(tmp_path / "no.parquet")
    with pytest.raises(DataError, match="cannot be read"):
        read_foreign_predictions(tmp_path / "none.csv", drawn_samples)


def test_labelled_pictures_in_the_place_of_predictions_are_told(small_fer2013):
    with pytest.raises(DataError, match=r"no predictions of mien's; .* mien evaluate MODEL .*\.parquet$") as caught:
        read_predictions(small_fer2013)
    assert "KeyError" not in str(caught.value)


def test_a_name_that_is_no_utf8_is_that_of_a_model_too(scored, drawn_samples, tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.csv")
    try:
        write_csv(path, scored)
    except OSError:
        pytest.skip("this file system takes no such names")
    assert read_foreign_predictions(path, drawn_samples).model == "caf\\udce9"


def test_predictions_are_probabilities(scored):
    with pytest.raises(DataError, match="there are none; choose a split"):
        scored.take(np.zeros(64, bool))
    bad = scored.scores.copy()
    bad[3, 2] = np.nan
    with pytest.raises(DataError, match="1 of 64 pictures have a probability that is no number"):
        replace(scored, scores=bad)
    with pytest.raises(DataError, match="64 pictures with the labels anger, disgust need"):
        replace(scored, labels=("anger", "disgust"))
    with pytest.raises(DataError, match="task 'multi' with 64 pictures and 7 labels needs"):
        replace(scored, task="multi")


def test_a_row_that_ends_before_its_name_is_said(scored, drawn_samples, tmp_path):
    path = tmp_path / "other.csv"
    write_csv(path, scored)
    named_last = [",".join([*line.split(",")[1:], line.split(",")[0]]) for line in path.read_text().splitlines()]
    path.write_text("\n".join([*named_last, "0.5,0.5"]))
    with pytest.raises(DataError, match=r"other\.csv: the row '0\.5,0\.5' ends before the column File; .* 8 columns"):
        read_foreign_predictions(path, drawn_samples)


def test_repeated_names_are_refused(scored, drawn_samples, tmp_path):
    twice = drawn_samples.ids.copy()
    twice[5] = twice[4]
    message = "names of pictures repeat, such as drawn04; prepare or merge the table anew"
    write_predictions(replace(scored, ids=twice), tmp_path / "p.parquet")
    with pytest.raises(DataError, match=rf"p\.parquet: {message}"):
        read_predictions(tmp_path / "p.parquet")
    write_csv(tmp_path / "other.csv", scored)
    with pytest.raises(DataError, match=rf"d\.parquet: {message}"):
        read_foreign_predictions(tmp_path / "other.csv", replace(drawn_samples, ids=twice), data="d.parquet")
