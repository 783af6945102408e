from dataclasses import replace

import numpy as np
import pytest

from mien.data.record import TableMeta
from mien.data.votes import majority, multilabel, plurality
from mien.errors import DataError, UsageError
from mien.evaluation.truths import truth_of, truths_of
from mien.labels import CK8, FACE2, FER7, FERPLUS8, FERPLUS10, RAF6, RAF7
from mien.model_card import Head


def head_of(labels, task="single"):
    return Head(labels.name, task, labels.labels)


def as_table(samples, labels, *, present_set=None, present=None):
    codes = np.arange(len(samples)) % (len(labels) + 1) - 1
    meta = TableMeta(label_set=labels, license="none", layout="drawn", present_set=present_set)
    count = len(meta.multi_set)
    return replace(
        samples,
        codes=codes,
        present=np.zeros((len(samples), count), bool) if present is None else present,
        asked=np.full(len(samples), present is not None) & (np.arange(len(samples)) >= 8),
        meta=meta,
        fer7=np.full(len(samples), -1),
        votes=np.full((len(samples), 10), np.nan, np.float32),
    )


def test_votes_give_two_single_truths_and_a_multi_one(drawn_samples):
    found = truths_of(head_of(FERPLUS8), drawn_samples)
    assert list(found) == ["arg-max", "majority"]
    assert (found["arg-max"].targets == plurality(drawn_samples.votes)).all()
    assert (found["majority"].known == (majority(drawn_samples.votes) >= 0)).all()
    several = truth_of(Head("multilabel8", "multi", FERPLUS8.labels), drawn_samples)
    assert several.name == "3 votes"
    assert (several.targets == multilabel(drawn_samples.votes)).all()
    assert several.known.tolist() == [True] * 60 + [False] * 4


def test_some_of_the_emotions_are_columns_of_all(drawn_samples):
    six = truth_of(head_of(RAF6, "multi"), drawn_samples)
    counts = drawn_samples.votes[:, [FERPLUS8.labels.index(label) for label in RAF6.labels]]
    assert six.targets.shape == (64, 6)
    assert (six.targets[:60] == (counts[:60] >= 3)).all()


@pytest.mark.parametrize("labels", [RAF7, CK8])
def test_a_table_of_its_own_labels_is_put_in_the_order_of_the_head(drawn_samples, labels):
    table = as_table(drawn_samples, labels)
    found = truth_of(head_of(FER7), table)
    assert found.name == "label"
    for code, target in zip(table.codes, found.targets, strict=True):
        name = None if code < 0 else labels.labels[code]
        assert (None if target < 0 else FER7.labels[target]) == (None if name == "contempt" else name)
    assert (found.known == (found.targets >= 0)).all()


def test_several_labels_of_a_table_go_before_votes(drawn_samples):
    present = np.random.default_rng(0).random((64, 6)) < 0.3
    table = as_table(drawn_samples, RAF7, present_set=RAF6, present=present)
    turned = Head("turned", "multi", RAF6.labels[::-1])
    found = truth_of(turned, replace(table, votes=drawn_samples.votes))
    assert found.name == "labels"
    assert (found.targets == present[:, ::-1]).all()
    assert found.known.tolist() == [False] * 8 + [True] * 56  # also of those that show nothing
    assert not present[8:].any(axis=1).all()


def test_a_gate_learns_from_faces_and_others(drawn_samples):
    found = truth_of(Head("face", "gate", ("face",)), as_table(drawn_samples, FACE2))
    codes = as_table(drawn_samples, FACE2).codes
    assert (found.targets[:, 0] == (codes == 0)).all()
    assert (found.known == (codes >= 0)).all()


def test_labels_that_the_data_lacks_are_named(drawn_samples):
    with pytest.raises(DataError, match=r"label set is face2 \(face, other\), with no votes .* lacks anger, disgust"):
        truth_of(head_of(FER7), as_table(drawn_samples, FACE2))
    with pytest.raises(DataError, match="it lacks face"):
        truth_of(Head("face", "gate", ("face",)), drawn_samples)
    with pytest.raises(UsageError, match="unknown truth for head fer7 'majority': it is one of label"):
        truth_of(head_of(FER7), drawn_samples, "majority")


def test_emotions_and_faces_out_of_one_table(drawn_samples):
    table = replace(as_table(drawn_samples, FERPLUS10), votes=np.full_like(drawn_samples.votes, np.nan))
    other = FERPLUS10.index("not_face")
    gate = truth_of(Head("face", "gate", ("face",)), table)
    assert gate.known.tolist() == (table.codes >= 0).tolist()
    assert gate.targets[gate.known, 0].tolist() == (table.codes[gate.known] != other).tolist()
    emotions = truth_of(head_of(FER7), table)
    assert not emotions.known[table.codes == other].any()
