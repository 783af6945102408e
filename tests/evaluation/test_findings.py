"""A whole evaluation without the command line; tests/cli/test_evaluate.py has it with."""

import json
from pathlib import Path

import numpy as np
import pytest

from mien.errors import UsageError
from mien.evaluation.exhibits import quick_rise
from mien.evaluation.findings import evaluate_model, evaluate_predictions, read_asked, with_exhibits, with_robustness
from mien.evaluation.report import write_folder
from mien.evaluation.robustness import draw_some
from mien.evaluation.summary import DEFAULT_SPLIT, Asked, read_split
from mien.inference.session import Session
from mien.inference.weights import emotion_model


def test_a_model_and_then_its_own_predictions(small_fer2013, tmp_path, monkeypatch):
    monkeypatch.setattr("mien.evaluation.exhibits.MASKS", 2)
    session = Session(emotion_model("mien-nano"))
    asked = Asked(small_fer2013, heads=("fer7",), resamples=20)
    samples, groups = read_split(asked, session)
    steps = []
    findings = evaluate_model(session, asked, samples, groups, on_step=steps.append)
    assert sum(steps) == len(samples)
    assert (findings.card, findings.robustness, findings.mistakes) == (session.card, (), ())
    findings = with_robustness(findings, session, draw_some(samples, 10))
    findings = with_exhibits(findings, samples, quick_rise(lambda crops: np.full((len(crops), 7), 1 / 7)))
    assert (findings.robustness[0].kind, len(findings.mistakes)) == ("as they are", 15)
    assert write_folder(findings, tmp_path) == tmp_path / "report.html"
    content = json.loads((tmp_path / "metrics.json").read_text())
    assert (content["split"], content["bootstrap_resamples"]) == (DEFAULT_SPLIT, 20)
    again = Asked(None, resamples=20)
    scored = evaluate_predictions(read_asked(tmp_path / "predictions.parquet", again), again).scored
    assert [row.metrics for row in scored] == [row.metrics for row in findings.scored]


def test_what_needs_the_labelled_pictures_says_so():
    with pytest.raises(UsageError, match=r"a model needs labelled pictures"):
        read_split(Asked(None), Session(emotion_model("mien-nano")))
    with pytest.raises(UsageError, match=r"other\.csv: a \.csv needs the labelled data"):
        read_asked(Path("other.csv"), Asked(None))
