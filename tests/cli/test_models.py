import json
import subprocess
import sys
from dataclasses import replace
from io import StringIO

from rich.console import Console

from mien.cli.model_report import evaluation_tables
from mien.inference.session import Session
from mien.inference.weights import CATALOGUE, DEFAULT_MODEL


def test_list_names_all_and_says_what_is_missing(mien, own_home, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code, out, _ = mien("models", "list")
    assert code == 0
    assert all(entry.name in out for entry in CATALOGUE)
    assert "no: mien models pull yunet" in out


def test_show_prints_the_card(mien, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code, out, _ = mien("models", "show", DEFAULT_MODEL)
    assert code == 0
    texts = ("head fer7", "head ferplus8", "temperature", "face from 0.", "From the card, on PublicTest", "MIT")
    for text in (*texts, CATALOGUE[0].sha256):
        assert text in out
    assert "precision/anger" not in out
    assert "precision/anger" in mien("models", "show", DEFAULT_MODEL, "--all")[1]


def test_show_needs_nothing_of_the_extra_that_evaluates():
    code = "import sys, mien.cli.model_report; sys.exit(bool({'sklearn', 'scipy', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_show_prints_the_evaluation_beside_it(mien, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "200")
    shipped = CATALOGUE[0].path()
    model = tmp_path / "mine.onnx"
    model.write_bytes(shipped.read_bytes())
    _, out, _ = mien("models", "show", model)
    assert "Measured on" not in out
    evaluation = json.loads(shipped.with_suffix(".json").read_text())
    beside = model.with_suffix(".json")
    beside.write_text(json.dumps(evaluation))
    code, out, _ = mien("models", "show", model)
    assert code == 0
    for text in ("Measured on fer2013.parquet, PrivateTest", "fer7 by label (label)", "Groups of pictures", "occluded"):
        assert text in out
    value, low, high = evaluation["scores"][0]["metrics"]["accuracy"]
    assert f"{value:.3f} ({low:.3f} to {high:.3f})" in out
    score = evaluation["scores"][0]
    lacking = {name: each for name, each in score["metrics"].items() if not name.endswith(("/anger", "/disgust"))}
    less = score | {"metrics": lacking, "pictures_by_label": score["pictures_by_label"] | {"anger": 0, "disgust": 0}}
    beside.write_text(json.dumps(evaluation | {"scores": [less, *evaluation["scores"][1:]]}))
    code, out, _ = mien("models", "show", model)
    assert code == 0
    assert next(line.split()[1:4] for line in out.splitlines() if line.startswith("disgust")) == ["0", "none", "here"]
    beside.write_text(json.dumps(evaluation | {"sha256": "0" * 64}))
    code, _, err = mien("models", "show", model)
    assert code == 1
    assert "is the evaluation of another file" in err
    beside.write_text("{}")
    _, _, err = mien("models", "show", model)
    assert "is no metrics.json of `mien evaluate`" in err
    assert err.count("\n") == 1


def test_what_looks_like_markup_is_shown_as_it_is(mien, own_home, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("MIEN_HOME", str(tmp_path / "home [/x]"))
    assert "home [/x] (MIEN_HOME)" in mien("models", "list")[1]
    card = Session(CATALOGUE[0].path()).card
    retrain = "pip install mien[train] && mien train a.toml [/b]"
    monkeypatch.setattr(Session, "card", property(lambda self: replace(card, retrain=retrain), lambda *_: None), False)
    code, out, _ = mien("models", "show", DEFAULT_MODEL)
    assert code == 0
    assert retrain in out


def test_markup_in_the_names_of_an_evaluation(tmp_path):
    shipped = CATALOGUE[0].path()
    evaluation = json.loads(shipped.with_suffix(".json").read_text()) | {"data": "own [b] data [/x]"}
    (tmp_path / "own.json").write_text(json.dumps(evaluation))
    console = Console(width=200, record=True, file=StringIO())
    for table in evaluation_tables(Session(shipped).card, tmp_path / "own.json"):
        console.print(table)
    assert "own [b] data [/x]" in console.export_text()


def test_show_a_detector_and_an_unknown(mien, own_home):
    assert "not pulled yet" in mien("models", "show", "yunet")[1]
    code, _, err = mien("models", "show", "none")
    assert code == 2
    assert "unknown model 'none'" in err


def test_pull_from_a_file(mien, own_home, shared, tmp_path):
    code, out, _ = mien("models", "pull", "yunet", "--from", shared / "models" / "face_detection_yunet_2023mar.onnx")
    assert code == 0
    assert str(own_home) in out.replace("\n", "")
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"x")
    code, _, err = mien("models", "pull", "yunet", "--from", wrong)
    assert code == 1
    assert "SHA-256 is" in err
    assert err.count("\n") == 1
