import re
from dataclasses import replace

import numpy as np
import pytest

from mien.errors import DataError, OutputError
from mien.evaluation.audit import audit
from mien.evaluation.exhibits import exhibits, most_unsure, quick_rise, worst_mistakes
from mien.evaluation.findings import Findings
from mien.evaluation.predictions import Predictions
from mien.evaluation.report import PLOTS, save_plots, write_folder, write_report
from mien.evaluation.robustness import DetectorError, RobustnessRow
from mien.evaluation.summary import score_predictions
from mien.inference.session import Session
from mien.inference.weights import emotion_model
from mien.labels import FER7


@pytest.fixture
def made(drawn_samples):
    draw = np.random.default_rng(0)
    return Predictions(
        drawn_samples.ids,
        drawn_samples.fer7,
        draw.dirichlet([0.5] * 7, 64),
        FER7.labels,
        "a <model>",
        votes=drawn_samples.votes,
        unsure_below=0.5,
        unsure_error=0.2,
        temperature=0.8,
        head="fer7",
        truth="label",
        data="drawn.parquet",
        split="PublicTest",
        groups={"repeated in training": np.array(["yes"] * 10 + ["no"] * 54)},
    )


def rows():
    clean = RobustnessRow("as they are", "", 0, 0, 64, 0.7, 0.6, 0.8)
    return [clean, *(RobustnessRow("blur", "sigma", n / 10, n, 64, 0.7 - n / 10, 0.1, 0.8) for n in range(1, 6))]


def test_the_page_needs_nothing_but_itself_and_says_it_all(made, drawn_samples, tmp_path):
    maps = quick_rise(lambda crops: np.full((len(crops), 7), 1 / 7))
    findings = Findings(
        score_predictions(made, resamples=50),
        audit(made),
        rows(),
        DetectorError("haar", 64, 0.9, (0.03, 0.04), 0.05, 0.7, 0.65),
        mistakes=exhibits(made, worst_mistakes(made, 2), drawn_samples, maps),
        unsure=exhibits(made, most_unsure(made, 2), drawn_samples, maps),
        command="mien evaluate caf\udce9.csv",
    )
    write_report(findings, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r'(?:src|href)="(?!data:|#)', text)
    assert "<script" not in text
    assert "caf\\udce9.csv" in text
    assert "a &lt;model&gt;" in text
    assert "a <model>" not in text
    for title in ("In short", "For whom", "What it can bear", "worst mistakes", "most unsure", "How this was measured"):
        assert title in text
    accuracy = findings.scored[0].metrics["accuracy"].value
    assert f"{accuracy:.1%}" in text
    assert text.count("<figure>") == 4
    saved = save_plots(findings, tmp_path)
    assert {path.name for path in saved} == {"confusion.png", "reliability.png", "risk_coverage.png", "robustness.png"}
    assert {path.stem for path in saved} == {*PLOTS}
    assert {"audit", "robustness", "detector"} == set(findings.more())


def test_several_labels_and_a_gate_have_reports_too(tmp_path):
    draw = np.random.default_rng(0)
    for task, width in (("multi", 3), ("gate", 1)):
        targets = draw.random((50, width)) < 0.4
        several = Predictions(
            np.arange(50).astype(str),
            targets,
            draw.random((50, width)),
            ("x", "y", "z")[:width],
            "m",
            task=task,
            thresholds=(0.4, 0.5, 0.6)[:width],
            head="h",
            truth="labels",
        )
        findings = Findings(score_predictions(several, resamples=30), audit(several))
        write_report(findings, tmp_path / f"{task}.html")
        assert "All figures" in (tmp_path / f"{task}.html").read_text()


@pytest.mark.parametrize(("labels", "told"), [(2, False), (3, False), (4, True)])
def test_the_first_three_answers_are_told_where_there_are_more(tmp_path, labels, told):
    scores = np.random.default_rng(0).dirichlet([1] * labels, 40)
    few = Predictions(np.arange(40).astype(str), np.arange(40) % labels, scores, tuple("abcd"[:labels]), "m")
    write_report(Findings(score_predictions(few, resamples=20), audit(few)), tmp_path / "few.html")
    text = (tmp_path / "few.html").read_text()
    assert ("among its first three" in text, "top 3" in text) == (told, told)


def test_a_folder_describes_one_evaluation(made, tmp_path, monkeypatch):
    # The names are at stake here, not the plots.
    monkeypatch.setattr("mien.evaluation.report.figures_of", lambda row: dict.fromkeys(PLOTS[:3]))
    monkeypatch.setattr("mien.evaluation.plots.robustness_figure", lambda rows: None)
    monkeypatch.setattr("mien.evaluation.plots.save_figure", lambda figure, path: path.touch())
    monkeypatch.setattr("mien.evaluation.report.write_report", lambda findings, path: path.touch())
    majority = replace(made, head="a-head", truth="3 votes")
    scored = [row for each in (made, majority) for row in score_predictions(each, resamples=10)]
    write_folder(Findings(scored, robustness=rows()), tmp_path)
    theirs = {"predictions-mine.parquet", "robustness.txt", "other.png", "predictions.csv"}
    for name in theirs:
        (tmp_path / name).write_text("theirs")
    ours = {path.name for path in tmp_path.iterdir()} - theirs
    assert {"predictions-a-head-3-votes.parquet", "robustness.png"} <= ours

    def full(*args):
        raise OutputError("full")

    again = Findings(score_predictions(majority, resamples=10))
    with monkeypatch.context() as patch:
        patch.setattr("mien.evaluation.report.write_summary", full)
        with pytest.raises(OutputError, match="full"):
            write_folder(again, tmp_path)
    assert not (tmp_path / "report.html").exists(), "the old report does not stand beside new figures"
    write_folder(again, tmp_path)
    gone = {"predictions-a-head-3-votes.parquet", "robustness.png"}
    assert {path.name for path in tmp_path.iterdir()} == (ours - gone) | theirs
    assert all((tmp_path / name).read_text() == "theirs" for name in theirs)


def test_the_worst_mistakes_are_sure_and_wrong(made):
    worst, unsure = worst_mistakes(made, 5), most_unsure(made, 5)
    answers, sure = made.scores.argmax(axis=1), made.scores.max(axis=1)
    wrong = answers != made.targets
    assert wrong[worst].all()
    assert sure[worst].min() >= np.sort(sure[wrong])[-5]
    assert sure[unsure].max() <= np.sort(sure)[4]
    assert worst_mistakes(replace(made, targets=answers)).size == 0


def test_of_another_tools_predictions_only_what_is_known_is_said(made, tmp_path):
    pages = {}
    for name, each in {"ours": replace(made, sha256="1" * 64), "other": replace(made, temperature=1.0)}.items():
        write_report(Findings(score_predictions(each, resamples=10)), tmp_path / f"{name}.html")
        pages[name] = (tmp_path / f"{name}.html").read_text(encoding="utf-8")
    ours = ("that of the program itself", "divided by a temperature (0.800)", ">before</th>")
    other = ("not known: predictions were given", "No temperature is known")
    for page, there, absent in ((pages["ours"], ours, other), (pages["other"], other, ours)):
        assert [text for text in there if text not in page] == []
        assert [text for text in absent if text in page] == []


def test_on_the_pictures_that_fitted_it_a_report_says_so(made, tmp_path):
    card = Session(emotion_model("mien-compact")).card  # its figures are on PublicTest
    pages = {}
    for split in ("PublicTest", "PrivateTest"):
        scored = score_predictions(replace(made, split=split), resamples=10)
        write_report(Findings(scored, card=card), tmp_path / f"{split}.html")
        pages[split] = (tmp_path / f"{split}.html").read_text(encoding="utf-8")
        assert "fitted on validation pictures (PublicTest)." in pages[split]
    assert "the very same pictures" in pages["PublicTest"]
    assert "the very same pictures" not in pages["PrivateTest"]


def test_pictures_whose_names_repeat_are_not_shown(made, drawn_samples):
    maps = quick_rise(lambda crops: np.full((len(crops), 7), 1 / 7))
    twice = replace(drawn_samples, ids=np.array(["same"] * 64))
    with pytest.raises(DataError, match=r"drawn\.parquet: names of pictures repeat, such as same; prepare or merge"):
        exhibits(made, worst_mistakes(made, 2), twice, maps)
