"""CK+ in class folders, contempt included."""

from pathlib import Path

import pytest

from mien.errors import DataError
from mien.labels import CK8
from tests.data.sources.layouts_on_disk import put

NAMES = ["anger/S010_004_00000017.png", "contempt/S138_008_00000009.png", "happy/S010_006_00000014.png"]


def test_classes_and_subjects(tmp_path: Path, pngs, read) -> None:
    meta, records, problems = read("ck+", put(tmp_path, NAMES, pngs))
    assert (meta.label_set, meta.layout, len(problems)) == (CK8, "ck+", 0)
    assert [(record.label, record.subject) for record in records] == [
        ("anger", "S010"),
        ("contempt", "S138"),
        ("happiness", "S010"),
    ]


def test_a_name_without_a_subject_is_left_out(tmp_path: Path, pngs, read) -> None:
    _, records, problems = read("ck+", put(tmp_path, [*NAMES, "happy/17.png"], pngs))
    assert len(records) == 3
    assert problems.found[0].place == str(tmp_path / "happy" / "17.png")
    with pytest.raises(DataError, match="its subject is not known"):
        read("ck+", tmp_path, strict=True)


def test_a_class_that_ck_does_not_have_is_left_out(tmp_path: Path, pngs, read) -> None:
    _, records, problems = read("ck+", put(tmp_path, [*NAMES, "unknown/S011_004_00000017.png"], pngs))
    assert len(records) == 3
    assert problems.counts == {"is no class of CK+": 1}


def test_folders_of_subjects_within_the_classes_are_read(tmp_path: Path, pngs, read) -> None:
    names = [
        "anger/S010/S010_004_00000017.png",
        "contempt/S138/008/S138_008_00000009.png",
        "happy/S010_006_00000014.png",
    ]
    _, records, _ = read("ck+", put(tmp_path, names, pngs), strict=True)
    assert [(record.path, record.label, record.subject) for record in records] == [
        (names[0], "anger", "S010"),
        (names[1], "contempt", "S138"),
        (names[2], "happiness", "S010"),
    ]
    _, _, problems = read("ck+", put(tmp_path, ["S011_001_00000001.png"], pngs))
    assert problems.counts == {"lies beside the folders that are read": 1}
