from dataclasses import replace

import numpy as np
import pytest
import torch

from mien.data.record import TableMeta
from mien.data.votes import multilabel, vote_distribution
from mien.errors import DataError
from mien.labels import CK8, FACE2, FER7, FERPLUS8, FERPLUS10, RAF6
from mien.training.lesson import Lesson
from mien.training.recipe import Recipe
from mien.training.targets import check_classes, check_shares, groups_of, targets_of


def recipe(**heads):
    return Recipe(name="a", heads=heads)


def with_meta(samples, labels, codes, present=None, present_set=None):
    meta = TableMeta(label_set=labels, license="", layout="x", present_set=present_set)
    asked = np.full(len(samples), present is not None) & (np.arange(len(samples)) >= 8)
    present = np.zeros((len(samples), len(meta.multi_set)), bool) if present is None else present
    return replace(samples, codes=codes, present=present, meta=meta, asked=asked)


def test_labels_and_votes_of_fer2013(drawn_samples):
    targets = targets_of(drawn_samples, recipe(fer7={}, ferplus8={"target": "votes"}))
    assert targets["fer7"].values.argmax(1).tolist() == drawn_samples.fer7.tolist()
    assert (targets["fer7"].values.sum(1) == 1).all()
    expected = np.nan_to_num(vote_distribution(drawn_samples.votes))
    assert targets["ferplus8"].values.numpy() == pytest.approx(expected)
    assert targets["ferplus8"].known[-4:].tolist() == [0] * 4
    assert targets["ferplus8"].known[:-4].sum() == 60


def test_several_labels_out_of_votes(drawn_samples):
    targets = targets_of(drawn_samples, recipe(raf6={"task": "multi", "target": "votes"}))
    columns = [FERPLUS8.index(label) for label in RAF6.labels]
    assert (targets["raf6"].values.numpy() == multilabel(drawn_samples.votes)[:, columns]).all()
    assert targets["raf6"].known.tolist() == [1] * 60 + [0] * 4


def test_votes_on_fewer_emotions_are_shared_out_again(drawn_samples):
    head = {"target": "votes", "labels": ["neutral", "happiness"]}
    target = targets_of(drawn_samples, recipe(two=head))["two"]
    known = target.known > 0
    assert target.values[known].sum(1) == pytest.approx(torch.ones(int(known.sum())))
    assert (target.values[~known] == 0).all()


def test_labels_are_matched_by_name_whatever_their_order(drawn_samples):
    codes = np.arange(64) % len(CK8)
    target = targets_of(with_meta(drawn_samples, CK8, codes), recipe(fer7={}))["fer7"]
    for code, row, known in zip(codes, target.values, target.known, strict=True):
        name = CK8.labels[code]
        assert known == (name in FER7.labels)  # contempt is none of the seven
        assert [FER7.labels[i] for i in row.nonzero().flatten()] == ([name] if known else [])


def test_all_labels_of_a_table(drawn_samples):
    present = np.random.default_rng(0).random((64, 6)) < 0.4
    samples = with_meta(drawn_samples, RAF6, np.zeros(64, np.int64), present)
    target = targets_of(samples, recipe(raf6={"task": "multi", "target": "present"}))["raf6"]
    assert target.known.tolist() == [0] * 8 + [1] * 56  # also of those that show nothing
    assert not present[8:].any(1).all()
    assert (target.values.numpy()[8:] == present[8:]).all()


def test_a_gate_learns_from_faces_and_other_things(drawn_samples):
    codes = np.arange(64) % 2
    samples = with_meta(drawn_samples, FACE2, codes)
    target = targets_of(samples, recipe(face={"task": "gate"}))["face"]
    assert target.values[:, 0].tolist() == (codes == FACE2.index("face")).tolist()


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        ({"ck8": {}}, "labels contempt are none of the data's"),
        ({"face": {"task": "gate"}}, "a gate learns from a table of faces and other things"),
        ({"raf6": {"task": "multi", "target": "present"}}, "set heads.raf6.target to 'votes'"),
        ({"x": {"target": "votes", "labels": ["neutral", "boredom"]}}, "nobody voted on boredom"),
    ],
)
def test_data_without_what_a_head_learns_from(drawn_samples, head, problem):
    with pytest.raises(DataError, match=problem):
        targets_of(drawn_samples, recipe(**head))


def test_a_class_without_pictures_is_named(drawn_samples):
    kept = drawn_samples.take(drawn_samples.fer7 != FER7.index("disgust"))
    one = recipe(fer7={})
    with pytest.raises(DataError, match=r"head fer7: no picture of 'Training' shows disgust"):
        check_classes(targets_of(kept, one), one, split="Training")
    gate = recipe(face={"task": "gate"})
    samples = with_meta(drawn_samples, FACE2, np.zeros(64, np.int64))
    with pytest.raises(DataError, match=r"shows other"):
        check_classes(targets_of(samples, gate), gate, split="Training")


def test_groups_of_which_a_share_is_seen(drawn_samples):
    codes = np.arange(64) % len(FERPLUS10)
    samples = with_meta(drawn_samples, FERPLUS10, codes)
    shares = Recipe(name="a", heads={"fer7": {}}, data={"shares": {"not_face": 0.1}})
    ((group, share),) = groups_of(samples, shares)
    assert group.tolist() == np.flatnonzero(codes == FERPLUS10.index("not_face")).tolist()
    assert share == 0.1
    assert groups_of(samples, recipe(fer7={})) == ()
    with pytest.raises(DataError, match=r"no picture to learn from is labelled 'not_face' \(labels: anger, disgust"):
        groups_of(drawn_samples, shares)


def test_a_share_is_no_larger_than_all_pictures_of_a_label(drawn_samples):
    codes = np.array([FERPLUS10.index("happiness")] * 40 + [FERPLUS10.index("not_face")] * 16 + [-1] * 8)
    samples = with_meta(drawn_samples, FERPLUS10, codes)

    def check(**shares):
        read = Recipe(name="a", heads={"fer7": {}}, data={"shares": shares})
        check_shares(groups_of(samples, read), read, count=len(samples))

    check(not_face=0.25)  # 16 of 64
    problem = r"data\.shares: not_face = 0\.5 is 48 pictures an epoch, and there are 16; .* they can be is 0\.25$"
    with pytest.raises(DataError, match=problem):
        check(not_face=0.5)
    with pytest.raises(DataError, match=r"not_face = 0\.6 is .* they can be is 0\.5333$"):  # 16 / 24 of what is left
        check(happiness=0.2, not_face=0.6)
    check(happiness=0.2, not_face=0.5333)


def test_shares_need_pictures_of_other_labels(drawn_samples, small_recipe):
    shares = ", ".join(f"{label} = 0.1" for label in FER7.labels)
    with pytest.raises(
        DataError, match=r"every picture to learn from has one of the labels anger, .*leave one of them"
    ):
        Lesson(small_recipe(1, f"data.shares={{ {shares} }}"), drawn_samples, drawn_samples)


def test_a_lesson_has_pictures_enough_for_its_shares(drawn_samples, small_recipe):
    with pytest.raises(DataError, match=r"data\.shares: fear = 0\.9 is \d+ pictures an epoch"):
        Lesson(small_recipe(1, "data.shares={ fear = 0.9 }"), drawn_samples, drawn_samples)


def test_emotions_and_faces_out_of_one_table(drawn_samples):
    codes = np.array([FERPLUS10.index(FER7.labels[code]) for code in drawn_samples.fer7])
    codes[:10] = FERPLUS10.index("not_face")
    samples = replace(with_meta(drawn_samples, FERPLUS10, codes), votes=np.full_like(drawn_samples.votes, np.nan))
    targets = targets_of(samples, recipe(fer7={}, face={"task": "gate"}))
    assert targets["fer7"].known.tolist() == [0] * 10 + [1] * 54
    assert targets["face"].values[:, 0].tolist() == [0] * 10 + [1] * 54
    assert targets["face"].known.tolist() == [1] * 64
