import csv
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from mien.cli.evaluate_tables import print_scores
from mien.data.encoding import encode_png
from mien.data.record import Record, TableMeta
from mien.data.samples import read_samples
from mien.data.votes import plurality
from mien.data.writing import write_table
from mien.evaluation.metrics import metrics_of
from mien.evaluation.predictions import Predictions, predict
from mien.evaluation.selective import stated_and_found
from mien.evaluation.summary import score_predictions
from mien.inference.session import Session
from mien.inference.weights import emotion_model
from mien.labels import FACE2, FER7
from mien.model_card import FER2013_CROP

MODEL = "mien-compact"


def test_every_truth_with_and_without_repeats(mien, small_fer2013, tmp_path):
    target = tmp_path / "figures.csv"
    code, out, _ = mien("evaluate", MODEL, small_fer2013, "-o", target)
    assert code == 0
    assert "without repeats" in " ".join(out.split())
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["head"], row["truth"]) for row in rows] == [
        ("fer7", "label"),
        ("fer7", "label, without repeats"),
        ("ferplus8", "arg-max"),
        ("ferplus8", "arg-max, without repeats"),
        ("ferplus8", "majority"),
        ("ferplus8", "majority, without repeats"),
    ]
    label, fresh, argmax, *_ = [int(row["n"]) for row in rows]
    assert label == 320
    assert fresh <= 300
    assert argmax > int(rows[4]["n"]) > 200
    assert {"model", "sha256", "data", "split", "device", "commit", "date"} <= set(rows[0])
    assert float(rows[0]["accuracy_low"]) < float(rows[0]["accuracy"]) < float(rows[0]["accuracy_high"])


def test_the_tables_fit_a_terminal_of_80_columns(mien, small_fer2013, tmp_path):
    """No figure and no heading is cut off, whatever the head."""
    code, out, _ = mien("evaluate", "mien-nano", small_fer2013, "--head", "multilabel8", "-o", tmp_path / "f.csv")
    assert (code, "…" in out, "--output DIR" in out) == (0, False, False)  # --output has been given
    assert re.search(r"right answer +n +macro F1 +micro F1 +mAP +Hamming +ranking +ECE", out)
    assert "multilabel8:" in out
    code, out, _ = mien("evaluate", "mien-nano", "mien-compact", small_fer2013)
    assert (code, "…" in out) == (0, False)
    draw = np.random.default_rng(0)
    pictures = [draw.integers(0, 256, (48, 48), dtype=np.uint8) // (1 + number % 2) for number in range(40)]
    gate = tmp_path / "gate.parquet"
    write_table(
        gate,
        TableMeta(label_set=FACE2, license="none", layout="drawn"),
        [
            Record(encode_png(picture), f"{number}.png", FACE2.labels[number % 2], "PublicTest", "drawn")
            for number, picture in enumerate(pictures)
        ],
    )
    code, out, _ = mien("evaluate", "mien-nano", gate, "-o", tmp_path / "f.csv")
    assert re.search(r"right answer +n +accuracy +balanced +AUC +precision +recall +ECE *$", out, re.MULTILINE)
    code, out, _ = mien("evaluate", "mien-nano", "mien-compact", small_fer2013)
    assert re.search(r"^accuracy +0\.\d{4} +0\.\d{4} +[+-]0\.\d{4} +[+-]0\.\d{4} to [+-]0\.\d{4} ", out, re.MULTILINE)


def test_a_figure_that_one_head_lacks_keeps_its_column(capsys):
    def scored(labels):
        scores = np.random.default_rng(0).dirichlet([1] * labels, 40)
        names = tuple("abcd"[:labels])
        made = Predictions(np.arange(40).astype(str), np.arange(40) % labels, scores, names, "m", head=f"h{labels}")
        return score_predictions(made, resamples=20)[0]

    print_scores([scored(2), scored(4)], hint="")
    _, heading, two, four = capsys.readouterr().out.splitlines()
    assert "top 3" in heading
    assert len(two.split()) == len(four.split()) - 1


def test_the_shipped_model_is_as_good_as_its_card_says(public_test):
    session = Session(emotion_model("mien-compact"))
    for head, least in (("fer7", 0.68), ("ferplus8", 0.84)):
        found = predict(session, public_test, head=head)
        metrics = metrics_of(found)
        for name in ("accuracy", "ece"):
            assert metrics[name] == pytest.approx(session.card.metrics[f"PublicTest/{head}/{name}"], abs=1e-3)
        assert metrics["accuracy"] > least
        # The card's temperature makes the scores mean more than the bare logits do.
        raw = softmax(np.log(found.scores) * session.card.head(head).temperature, axis=1)
        assert metrics["ece"] < 0.6 * metrics_of(replace(found, scores=raw))["ece"]
    assert len(found) == (plurality(public_test.votes) >= 0).sum()


@pytest.fixture(scope="module")
def private_test(shared):
    return read_samples(shared / "data" / "fer2013.parquet", spec=FER2013_CROP, splits=["PrivateTest"])


def test_the_probabilities_of_the_shipped_model_can_be_trusted_on_unseen_pictures(private_test):
    """Read, not chosen: temperature and threshold come from PublicTest."""
    session = Session(emotion_model(MODEL))
    for head in ("fer7", "ferplus8"):
        found = predict(session, private_test, head=head)
        assert metrics_of(found)["ece"] <= 0.02
        verdict = stated_and_found(found)
        assert verdict["error"] < verdict["stated_error"] + 0.02
        assert 0.05 < verdict["unsure"] < 0.35
        assert verdict["error_of_unsure"] > 2 * verdict["error"]


def test_a_folder_holds_everything_and_two_runs_the_same_figures(mien, small_fer2013, tmp_path, monkeypatch):
    monkeypatch.setattr("mien.evaluation.exhibits.MASKS", 8)  # what is drawn in the report is not at stake here
    for name in ("a", "b"):
        code, out, err = mien("evaluate", MODEL, small_fer2013, "--head", "fer7", "-o", tmp_path / name)
        assert (code, err) == (0, "")
    assert "report.html" in out.replace("\n", "")
    assert {path.name for path in (tmp_path / "a").iterdir()} == {
        "predictions.parquet",
        "metrics.json",
        "figures.csv",
        "confusion.png",
        "reliability.png",
        "risk_coverage.png",
        "report.html",
    }
    first = (tmp_path / "a" / "metrics.json").read_bytes()
    assert first == (tmp_path / "b" / "metrics.json").read_bytes()
    content = json.loads(first)
    assert content["scores"][0]["n"] == 320
    assert content["scores"][0]["metrics"]["accuracy"][0] > 0.6
    # Scored again without the model: the same figures.
    code, _, _ = mien("evaluate", "--predictions", tmp_path / "a" / "predictions.parquet", "-o", tmp_path / "c")
    assert code == 0
    assert json.loads((tmp_path / "c" / "metrics.json").read_bytes())["scores"] == content["scores"]


def test_two_models_are_compared_and_a_csv_may_be_one_of_them(mien, small_fer2013, tmp_path):
    session = Session(emotion_model(MODEL))
    samples = read_samples(small_fer2013, spec=FER2013_CROP, splits=["PublicTest"])
    scores = predict(session, samples, head="fer7").scores
    other = tmp_path / "other.csv"
    with other.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", *FER7.labels])
        writer.writerows([name, *row] for name, row in zip(samples.ids, np.roll(scores, 1, axis=1), strict=True))
    code, out, _ = mien("evaluate", MODEL, other, small_fer2013, "-o", tmp_path / "c")
    assert code == 0
    assert "McNemar" in out
    content = json.loads((tmp_path / "c" / "comparison.json").read_text())
    assert content["differences"]["accuracy"]["a"] > content["differences"]["accuracy"]["b"]
    assert content["p"] < 1e-6
    code, out, _ = mien("evaluate", "--predictions", other, small_fer2013)
    assert code == 0
    assert "other on PublicTest" in out


@pytest.fixture(scope="module")
def other(small_fer2013, tmp_path_factory):
    """What another tool might say of PublicTest."""
    samples = read_samples(small_fer2013, spec=FER2013_CROP, splits=["PublicTest"])
    scores = np.random.default_rng(0).dirichlet([1] * 7, len(samples))
    path = tmp_path_factory.mktemp("other") / "other.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", *FER7.labels])
        writer.writerows([name, *row] for name, row in zip(samples.ids, scores, strict=True))
    return path


@pytest.fixture(scope="module")
def with_columns(small_fer2013, tmp_path_factory):
    """The same table with three more columns: two countries, 60 cameras, one planet."""
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(small_fer2013)
    rows = range(len(table))
    for name, values in (("country", ["A", "B"]), ("camera", [f"c{n}" for n in range(60)]), ("planet", ["Earth"])):
        table = table.append_column(name, [[values[row % len(values)] for row in rows]])
    path = tmp_path_factory.mktemp("columns") / "fer2013.parquet"
    parquet.write_table(table, path)
    return path


def test_groups_that_were_asked_for_are_printed(mien, with_columns, other, tmp_path):
    by = ("--by", "country", "--by", "planet")
    for words in (("--predictions", other, with_columns), (MODEL, with_columns, "--truth", "label")):
        code, out, _ = mien("evaluate", *words, *by)
        assert code == 0
        assert re.search(r"country +A +1\d\d +0\.\d\d\d \(", out)
        assert re.search(r"country +B +1\d\d", out)
        assert "brightness" not in out
        assert "planet: all pictures are in one group" in out


def test_columns_of_the_data_beside_a_file_of_predictions(mien, small_fer2013, with_columns, other, tmp_path):
    from mien.evaluation.predictions_file import read_foreign_predictions, write_predictions

    samples = read_samples(small_fer2013, spec=FER2013_CROP, splits=["PublicTest"])
    write_predictions(read_foreign_predictions(other, samples), tmp_path / "p.parquet")
    code, out, _ = mien("evaluate", "--predictions", tmp_path / "p.parquet", with_columns, "--by", "country")
    assert code == 0
    assert re.search(r"country +A +1\d\d", out)


def test_too_many_groups_are_told_before_the_work(mien, with_columns, other, monkeypatch):
    monkeypatch.setattr(Session, "logits", lambda *_: pytest.fail("the pictures were scored"))
    for words in (("--predictions", other, with_columns), (MODEL, with_columns)):
        code, _, err = mien("evaluate", *words, "--by", "camera")
        assert (code, err.count("\n")) == (2, 1)
        assert "column 'camera' has more than 40 groups" in err


def test_names_that_repeat_are_refused(mien, small_fer2013, other, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(small_fer2013)
    images = [image | {"path": f"im{row % 100}.png"} for row, image in enumerate(table["image"].to_pylist())]
    path = tmp_path / "merged.parquet"
    parquet.write_table(table.set_column(0, table.field(0), [images]), path)
    for words in ((MODEL, path), (MODEL, other, path), (other, MODEL, path), ("--predictions", other, path)):
        code, _, err = mien("evaluate", *words)
        assert (code, err.count("\n")) == (1, 1)
        assert "merged.parquet: names of pictures repeat, such as im0.png; prepare or merge the table anew" in err


def test_a_comparison_is_a_json_file_or_lies_in_a_folder(mien, small_fer2013, other, tmp_path):
    target = tmp_path / "diff.json"
    code, out, _ = mien("evaluate", other, other, small_fer2013, "-o", target)
    assert (code, target.is_file()) == (0, True)
    assert str(target) in out.replace("\n", "")
    assert json.loads(target.read_text())["p"] == 1
    code, _, err = mien("evaluate", other, other, small_fer2013, "-o", tmp_path / "diff.csv")
    assert (code, err.count("\n")) == (2, 1)
    assert "a comparison is no table of figures; give a folder or a .json file" in err
    code, _, err = mien("evaluate", other, small_fer2013, "-o", tmp_path / "one.json")
    assert (code, "give a folder, which will hold metrics.json, or a .csv file" in err) == (2, True)
    code, _, err = mien("evaluate", other, other, small_fer2013, "--by", "source")
    assert (code, "--by is about one model" in err) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["diff.json"]


def test_a_truth_without_a_head_takes_the_head_that_has_it(mien, small_fer2013, tmp_path):
    target = tmp_path / "figures.csv"
    code, _, _ = mien("evaluate", MODEL, small_fer2013, "--truth", "majority", "-o", target)
    assert code == 0
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["head"], row["truth"].split(",")[0]) for row in rows} == {("ferplus8", "majority")}
    code, out, _ = mien("evaluate", MODEL, "mien-nano", small_fer2013, "--truth", "majority")
    assert code == 0
    assert "ferplus8: majority" in " ".join(out.split())


def test_a_wrong_column_is_told_before_pictures_are_read(mien, small_fer2013, monkeypatch):
    monkeypatch.setattr("mien.evaluation.summary.read_samples", lambda *args, **options: pytest.fail("read"))
    code, _, err = mien("evaluate", MODEL, small_fer2013, "--by", "age")
    assert (code, "unknown column 'age'" in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((MODEL, "none.parquet"), 1, "no such file"),
        ((MODEL, "{data}", "--head", "gender"), 2, "unknown head of model mien-compact 'gender'"),
        ((MODEL, "{data}", "--split", "Test"), 1, "has no pictures of split 'Test'; there are Training, PublicTest"),
        ((MODEL, "{data}", "--split", "Test"), 1, "; choose one with --split"),
        (("{data}",), 1, "say whose answers to score: mien evaluate MODEL {data}"),
        ((MODEL, "{data}", "--truth", "median"), 2, "unknown truth"),
        ((MODEL, "{data}", "--by", "age"), 2, "unknown column 'age'"),
        ((MODEL,), 2, "say what to score"),
        ((MODEL, "{data}", "--task", "both"), 2, "--task both: it is single"),
        (("--predictions", "some.csv"), 2, "say what to score"),
    ],
)
def test_wrong_questions_are_one_line(mien, small_fer2013, words, code, message):
    found, _, err = mien("evaluate", *(word.format(data=small_fer2013) for word in words))
    assert (found, err.count("\n")) == (code, 1)
    assert message.format(data=small_fer2013) in err


def test_a_file_of_predictions_is_of_one_split_head_and_truth(mien, small_fer2013, other, tmp_path):
    made = tmp_path / "report" / "predictions.parquet"
    mien("evaluate", "mien-nano", small_fer2013, "--head", "fer7", "-o", made.parent)
    assert mien("evaluate", "--predictions", made, "--split", "PublicTest", "--head", "fer7")[0] == 0
    for words, code, message in (
        ((made, "--split", "Training"), 2, "--split Training: "),
        ((made, "--head", "ferplus8"), 2, "is of fer7; leave --head out"),
        ((made, "--truth", "majority"), 2, "is of label; leave --truth out"),
        ((made, "nowhere.parquet"), 1, "nowhere.parquet: no such file"),
        ((made, made), 1, "is no table of mien's"),
        ((made, "--robustness"), 2, "--robustness asks a model again"),
        ((made, "--run", tmp_path), 2, "--run asks a model again"),
        ((other, small_fer2013, "--head", "nonsense"), 2, "is of fer7; leave --head out"),
        ((made, "mien-nano", small_fer2013, "--split", "Training"), 2, "is of PublicTest; leave --split out"),
    ):
        found, _, err = mien("evaluate", *words)
        assert (found, err.count("\n")) == (code, 1)
        assert message in err


def test_too_few_faces_for_a_detectors_error_cost_that_part_only(mien, small_fer2013, tmp_path, monkeypatch):
    monkeypatch.setattr("mien.evaluation.robustness.FEWEST", 10_000)
    monkeypatch.setattr("mien.evaluation.robustness.PICTURES", 30)
    target = tmp_path / "report"
    code, _, err = mien(
        "evaluate", "mien-nano", small_fer2013, "--head", "fer7", "--robustness", "-d", "haar", "-o", target
    )
    assert code == 0
    assert "boxes were not moved: the error of detector haar needs 10000 faces that it finds" in err
    content = json.loads((target / "metrics.json").read_text())
    kinds = {row["kind"] for row in content["robustness"]}
    assert "as they are" in kinds
    assert "box moved" not in kinds


def test_an_empty_split_is_told(mien, small_fer2013, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    empty = tmp_path / "empty.parquet"
    parquet.write_table(parquet.read_table(small_fer2013).slice(0, 0), empty)
    code, _, err = mien("evaluate", MODEL, empty)
    assert (code, err.count("\n")) == (1, 1)
    assert "has no pictures of split 'PublicTest'; there are none at all" in err
