import numpy as np
import pytest

from mien.data.votes import majority, plurality
from mien.errors import DataError, UsageError
from mien.evaluation.predictions import asked_truths, predict, predict_all
from mien.inference.session import Session
from mien.inference.weights import emotion_model


@pytest.fixture(scope="module")
def session():
    return Session(emotion_model("mien-compact"))


def test_the_truth_chooses_the_pictures(session, drawn_samples):
    fer7 = predict(session, drawn_samples, head="fer7")
    assert len(fer7) == 64
    assert (fer7.targets == drawn_samples.fer7).all()
    assert fer7.scores.sum(axis=1) == pytest.approx(1)
    for truth, rule in (("arg-max", plurality), ("majority", majority)):
        found = predict(session, drawn_samples, head="ferplus8", truth=truth)
        kept = rule(drawn_samples.votes) >= 0
        assert 0 < kept.sum() < 64
        assert found.ids.tolist() == drawn_samples.ids[kept].tolist()
        assert found.scores.shape == (kept.sum(), 8)
    default = predict(session, drawn_samples, head="ferplus8")
    assert len(default) == (plurality(drawn_samples.votes) >= 0).sum()


def test_wrong_questions(session, drawn_samples):
    with pytest.raises(UsageError, match="unknown head"):
        predict(session, drawn_samples, head="gender")
    with pytest.raises(UsageError, match="unknown truth for head ferplus8 'median': it is one of arg-max, majority"):
        predict(session, drawn_samples, head="ferplus8", truth="median")
    without = drawn_samples.take(np.arange(60, 64))
    with pytest.raises(DataError, match="none of the 4 pictures has a label for head 'ferplus8'"):
        predict(session, without, head="ferplus8")


def test_a_truth_without_a_head_takes_the_heads_that_have_it(session, drawn_samples):
    def names(**asked):
        found = asked_truths(session.card, drawn_samples, **asked)
        return [(head.name, [truth.name for truth in truths]) for head, truths in found]

    assert names() == [("fer7", ["label"]), ("ferplus8", ["arg-max", "majority"])]
    assert names(truth="majority") == [("ferplus8", ["majority"])]
    assert names(truth="label", heads=["fer7"]) == [("fer7", ["label"])]
    found = predict_all(session, drawn_samples, truth="majority")
    assert [(each.head, each.truth) for each in found] == [("ferplus8", "majority")]


@pytest.mark.parametrize("heads", [None, ["ferplus8"]])
def test_a_wrong_truth_is_told_before_the_forward_pass(session, drawn_samples, heads, monkeypatch):
    monkeypatch.setattr(Session, "logits", lambda *_: pytest.fail("the pictures were scored"))
    with pytest.raises(UsageError, match=r"unknown truth for .*'median': it is one of .*arg-max, majority"):
        predict_all(session, drawn_samples, heads=heads, truth="median")
