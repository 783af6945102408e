"""What a table says about itself survives its metadata, and is not believed blindly."""

import json

import pytest

from mien.data.record import Record, Scaling, TableMeta, named_apart
from mien.errors import DataError
from mien.labels import FER7, FERPLUS10

META = TableMeta(
    label_set=FER7,
    license="test",
    layout="ferplus",
    votes=("anger",),
    preparation=("gray", "size 48"),
    scaling=Scaling("train", (0.0,), (255.0,)),
    present_set=FERPLUS10,
)


def test_metadata_round_trip() -> None:
    assert TableMeta.from_json(META.to_json(), file="x") == META
    plain = TableMeta(label_set=FER7, license="", layout="folders")
    assert TableMeta.from_json(plain.to_json(), file="x") == plain
    assert plain.multi_set == FER7
    assert META.multi_set == FERPLUS10


def test_another_order_of_a_known_label_set_is_refused() -> None:
    content = json.loads(META.to_json())
    content["label_set"]["labels"] = content["label_set"]["labels"][::-1]
    with pytest.raises(DataError, match="says its labels are fer7 but orders them neutral"):
        TableMeta.from_json(json.dumps(content), file="x")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1}'])
def test_other_metadata_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="its metadata cannot be read"):
        TableMeta.from_json(text, file="x")


def test_a_later_version_asks_for_an_upgrade() -> None:
    with pytest.raises(DataError, match="is version 2, this mien reads version 1; upgrade"):
        TableMeta.from_json('{"version": 2}', file="x")


def test_names_that_repeat_get_their_dataset_and_then_their_row_in_front() -> None:
    names = [("x.png", "a"), ("x.png", "b"), ("b/x.png", "c"), ("x.png", "b"), ("y.png", "b"), ("3/b/x.png", "d")]
    records = [Record(b"", path, None, "all", source) for path, source in names]
    named = [record.path for record in named_apart(records)]
    assert named == ["x.png", "b/x.png", "c/b/x.png", "3/b/x.png", "y.png", "d/3/b/x.png"]
    many = [record.path for record in named_apart(records * 20)]
    assert len(set(many)) == len(many)


def test_names_that_become_the_same_in_utf8_are_told_apart() -> None:
    records = [Record(b"", path, None, "all", "d\udcff") for path in ("\udcff.png", "\\udcff.png", "é.png")]
    named = [(record.path, record.source) for record in named_apart(records)]
    assert named == [("\\udcff.png", "d\\udcff"), ("d\\udcff/\\udcff.png", "d\\udcff"), ("é.png", "d\\udcff")]
