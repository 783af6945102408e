"""What the checks find in a table that is wrong in known ways."""

from dataclasses import replace

import numpy as np
import pytest

from mien.data.checks import Leak, check_table, is_blank
from mien.data.encoding import encode_png
from mien.errors import DataError


def test_clean_faces_have_nothing_to_report(make_table, faces) -> None:
    findings = check_table(make_table())
    assert (findings.leaks, findings.blank, findings.shared_subjects) == ([], [], {})
    assert findings.conflicts(near=True) == []
    assert findings.labels_a_picture is None
    assert list(findings.balance) == ["Training", "PublicTest", "PrivateTest"]
    assert sum(sum(counts.values()) for counts in findings.balance.values()) == 48
    assert findings.balance["PublicTest"]["anger"] == sum(
        face.label == "anger" for face in faces if face.split == "PublicTest"
    )
    assert {(row.size, row.is_gray) for row in findings.rows} == {((48, 48), True)}


def test_leaks_conflicts_blanks_and_subjects(make_table, faces) -> None:
    training = [replace(face, subject="S001") for face in faces[:24]]
    other_label = "fear" if faces[0].label != "fear" else "anger"
    leak = replace(faces[0], split="PrivateTest", label=other_label, path="leak.png", subject="S001")
    public = replace(faces[1], split="PublicTest", path="public.png")
    blank = replace(faces[2], image=encode_png(np.full((48, 48), 7, np.uint8)), path="blank.png")
    findings = check_table(make_table([*training, *faces[24:], leak, public, blank]))
    assert findings.leaks == [
        Leak("PublicTest", "Training", pictures=13, exact=1, near=1),
        Leak("PrivateTest", "Training", pictures=13, exact=1, near=1),
    ]
    assert findings.conflicts(near=False) == [(0, 48)]
    assert findings.blank == ["blank.png"]
    assert findings.shared_subjects == {"S001": ("PrivateTest", "Training")}


def test_labels_a_picture_counts_pictures_that_have_any(make_table, faces) -> None:
    records = [replace(faces[0], labels=("anger", "fear")), replace(faces[1], labels=("anger",)), faces[2]]
    records.append(replace(faces[3], labels=()))
    assert check_table(make_table(records)).labels_a_picture == 1.5


def test_a_damaged_picture_is_named(make_table, faces) -> None:
    with pytest.raises(DataError, match=f"picture {faces[0].path}: "):
        check_table(make_table([replace(faces[0], image=b"broken")]))


@pytest.mark.parametrize(("spread", "blank"), [(0, True), (2, True), (3, False)])
def test_blank_means_a_single_colour(spread: int, blank: bool) -> None:
    picture = np.full((8, 8, 3), (10, 100, 200), np.uint8)
    picture[3, 3, 1] += spread
    assert is_blank(picture) is blank
