"""Tables made of tables."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.data.checks import check_table
from mien.data.fer2013_columns import META
from mien.data.preparation import Preparation, prepare
from mien.data.problems import Problems
from mien.data.record import Scaling, TableMeta
from mien.data.rewriting import (
    merge_tables,
    split_by_duplicates,
    split_by_picture,
    split_by_subject,
    write_splits,
)
from mien.data.samples import read_samples
from mien.data.sources import SourceOptions, layout
from mien.errors import DataError, UsageError
from mien.labels import CK8, FACE2, FER7, FERPLUS10, RAF6, RAF7, LabelSet
from mien.model_card import FER2013_CROP
from tests.data.sources.layouts_on_disk import put


def test_splitting_anew_merges_and_changes_nothing_else(make_table, tmp_path: Path) -> None:
    table = make_table(meta=replace(META, scaling=Scaling("Training", (0.0,), (255.0,))))
    made = write_splits(table, split_by_picture(table, seed=1), tmp_path / "y.parquet", how="split 80/10/10")
    assert [replace(record, split="") for record in made.records()] == [
        replace(record, split="") for record in table.records()
    ]
    assert set(made.split_counts()) == {"train", "validation", "test"}
    assert made.meta.preparation == ("split 80/10/10",)
    assert made.meta.scaling is None, "a scaling that was fitted on other training pictures is no longer true"


def test_nobody_is_in_two_splits(faces, make_table) -> None:
    table = make_table([replace(face, subject=f"S{number // 4:03}") for number, face in enumerate(faces)])
    splits = split_by_subject(table, seed=1)
    by_subject = {(record.subject, split) for record, split in zip(table.records(), splits, strict=True)}
    assert len(by_subject) == 12
    assert set(splits) == {"train", "validation", "test"}


def test_unknown_subjects_cannot_be_kept_apart(faces, make_table) -> None:
    table = make_table([replace(faces[0], subject="S001"), *faces[1:]])
    with pytest.raises(DataError, match="nobody knows who is on 47 of 48 pictures"):
        split_by_subject(table, seed=1)


def test_no_twin_is_in_two_splits(faces, make_table) -> None:
    table = make_table([*faces, *(replace(face, path=f"twin-{face.path}") for face in faces)])
    splits = split_by_duplicates(check_table(table), seed=3)
    assert splits[:48] == splits[48:]
    assert Counter(splits)["train"] == pytest.approx(77, abs=4)


def test_merging_matches_labels_by_name(faces, make_table, tmp_path: Path) -> None:
    first = make_table(list(faces[:20]), name="a.parquet")
    second = make_table(list(faces[20:]), meta=replace(META, label_set=RAF7, license="other"), name="b.parquet")
    merged, left_out = merge_tables([first, second], tmp_path / "c.parquet")
    assert list(merged.records()) == list(faces)
    assert (merged.meta.label_set, left_out) == (FER7, 0)
    assert merged.meta.license == f"{META.license}; other"
    assert merged.meta.preparation == ("merged a.parquet + b.parquet",)


def test_merging_remembers_what_was_done_before(faces, make_table, tmp_path: Path) -> None:
    first = make_table(list(faces[:2]), meta=replace(META, preparation=("gray", "limit 2")), name="a.parquet")
    second = make_table(list(faces[2:4]), name="b.parquet")
    merged, _ = merge_tables([first, second], tmp_path / "c.parquet")
    assert merged.meta.preparation == ("a.parquet: gray", "a.parquet: limit 2", "merged a.parquet + b.parquet")
    chosen, _ = merge_tables([second], tmp_path / "d.parquet", labels=FER7)
    assert chosen.meta.preparation == ("merged b.parquet, labels of fer7 only",)


def test_classes_of_ones_own_that_differ_say_what_helps(faces, make_table, tmp_path: Path) -> None:
    tables = []
    for number, names in enumerate((("bored", "focused"), ("bored", "happiness"))):
        meta = TableMeta(label_set=LabelSet("own", names), license="", layout="folders")
        rows = [replace(face, label=name, votes=None) for face, name in zip(faces, names, strict=False)]
        tables.append(make_table(rows, meta=meta, name=f"{number}.parquet"))
    with pytest.raises(
        UsageError, match=r"no --labels has 'bored': .* --own-classes, or .* --layout table --drop CLASS"
    ):
        merge_tables(tables, tmp_path / "c.parquet")
    opened = layout("table").open(tables[0].path, SourceOptions(), Problems())
    dropped = prepare(opened, tmp_path / "d.parquet", Preparation(drop=("focused",)), problems=Problems())
    assert merge_tables([dropped, tables[1]], tmp_path / "c.parquet")[0].count == 3


def test_the_larger_label_set_holds_both(faces, make_table, tmp_path: Path) -> None:
    first = make_table(list(faces[:2]), name="a.parquet")
    ck = TableMeta(label_set=CK8, license="", layout="ck+")
    second = make_table([replace(faces[2], label="contempt", votes=None)], meta=ck, name="b.parquet")
    merged, left_out = merge_tables([first, second], tmp_path / "c.parquet")
    assert (merged.meta.label_set, merged.count, left_out) == (CK8, 3, 0)
    assert [record.votes is None for record in merged.records()] == [False, False, True]
    narrow, left_out = merge_tables([first, second], tmp_path / "d.parquet", labels=FER7)
    assert (narrow.meta.label_set, narrow.count, left_out) == (FER7, 2, 1)


def test_label_sets_that_differ_ask_for_one(faces, make_table, tmp_path: Path) -> None:
    first = make_table(list(faces[:2]), name="a.parquet")
    six = TableMeta(
        label_set=replace(FERPLUS10, name="odd", labels=("anger", "contempt")), license="", layout="folders"
    )
    second = make_table([replace(faces[2], label="contempt", votes=None)], meta=six, name="b.parquet")
    with pytest.raises(UsageError, match=r"the label sets differ .*: choose one with --labels"):
        merge_tables([first, second], tmp_path / "c.parquet")


def test_votes_on_other_emotions_are_missing_and_not_zero(faces, make_table, tmp_path: Path) -> None:
    first = make_table(list(faces[:1]), name="a.parquet")
    shares = replace(META, votes=("anger", "boredom"))
    second = make_table([replace(faces[1], votes=(0.25, 0.75))], meta=shares, name="b.parquet")
    merged, _ = merge_tables([first, second], tmp_path / "c.parquet")
    ours, theirs = merged.records()
    assert ours.votes == (*faces[0].votes, None)
    assert theirs.votes[merged.meta.votes.index("anger")] == 0.25
    assert theirs.votes[merged.meta.votes.index("neutral")] is None


def test_several_labels_survive_merging(faces, make_table, tmp_path: Path) -> None:
    wide = replace(META, present_set=FERPLUS10)
    first = make_table([replace(faces[0], labels=("not_face",))], meta=wide, name="a.parquet")
    second = make_table([replace(faces[1], labels=("anger",))], name="b.parquet")
    merged, _ = merge_tables([first, second], tmp_path / "c.parquet")
    assert [record.labels for record in merged.records()] == [("not_face",), ("anger",)]
    assert set(merged.meta.multi_set.labels) == set(FERPLUS10.labels)
    alike, _ = merge_tables([first, make_table([faces[2]], meta=wide, name="d.parquet")], tmp_path / "e.parquet")
    assert alike.meta.multi_set == FERPLUS10


def test_votes_of_ferplus_stay_whichever_table_comes_first(faces, make_table, tmp_path: Path) -> None:
    shares = TableMeta(label_set=RAF6, license="", layout="raf-ml", votes=RAF6.labels)
    other = make_table([replace(faces[0], label="fear", votes=(0, 1.0, 0, 0, 0, 0))], meta=shares, name="rafml.parquet")
    ours = make_table([faces[1]], name="ferplus.parquet")
    for tables in ([other, ours], [ours, other]):
        merged, _ = merge_tables(tables, tmp_path / f"{tables[0].path.stem}-first.parquet")
        votes = read_samples(merged.path, spec=FER2013_CROP).votes
        assert votes[tables.index(ours)].tolist() == list(faces[1].votes)
        assert np.isnan(votes[tables.index(other)]).all()
    more = TableMeta(label_set=RAF6, license="", layout="x", votes=("boredom", "fear"))
    third = make_table([replace(faces[2], label="fear", votes=(1.0, 0))], meta=more, name="bored.parquet")
    votes = read_samples(merge_tables([third, ours], tmp_path / "m.parquet")[0].path, spec=FER2013_CROP).votes
    assert np.isnan(votes[0]).all()
    assert votes[1].tolist() == list(faces[1].votes)


def test_pictures_of_one_name_are_told_apart(pngs, tmp_path: Path) -> None:
    tables = []
    for number, folder in enumerate(("one", "two")):
        source = put(tmp_path / folder, ["test/happy/im0.png", f"test/sad/{folder}.png"], pngs[2 * number :])
        opened = layout("folders").open(source, SourceOptions(), Problems())
        tables.append(prepare(opened, tmp_path / f"{folder}.parquet", Preparation(), problems=Problems()))
    merged, _ = merge_tables(tables, tmp_path / "both.parquet")
    assert [(record.path, record.image) for record in merged.records()] == [
        ("test/happy/im0.png", pngs[0]),
        ("test/sad/one.png", pngs[1]),
        ("two/test/happy/im0.png", pngs[2]),
        ("test/sad/two.png", pngs[3]),
    ]
    thrice, _ = merge_tables(tables[:1] * 3, tmp_path / "thrice.parquet")
    assert len({record.path for record in thrice.records()}) == 6


def test_a_label_set_that_fits_no_row_is_refused(faces, make_table, tmp_path: Path) -> None:
    table = make_table(list(faces[:2]))
    with pytest.raises(UsageError, match=r"not one picture of faces\.parquet has a label of face2 \(face, other\)"):
        merge_tables([table], tmp_path / "none.parquet", labels=FACE2)
    assert not (tmp_path / "none.parquet").exists()
