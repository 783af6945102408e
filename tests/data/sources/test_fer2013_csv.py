"""fer2013.csv, whole and damaged."""

from pathlib import Path

import numpy as np
import pytest

from mien.errors import DataError
from mien.inference.image import read_picture
from mien.labels import FER7
from tests.data.sources.layouts_on_disk import csv_rows, write_csv


def test_every_pixel_label_and_split_is_kept(tmp_path: Path, faces, read) -> None:
    meta, records, problems = read("fer2013-csv", write_csv(tmp_path / "fer2013.csv", csv_rows(faces)))
    assert (meta.label_set, len(problems)) == (FER7, 0)
    assert [(record.label, record.split) for record in records] == [(face.label, face.split) for face in faces]
    assert all(
        np.array_equal(read_picture(record.image), read_picture(face.image))
        for record, face in zip(records, faces, strict=True)
    )
    assert records[5].path == "row0000005.png"


def test_the_folder_that_holds_the_file_is_enough(tmp_path: Path, faces, read) -> None:
    write_csv(tmp_path / "fer2013.csv", csv_rows(faces[:3]))
    assert len(read("fer2013-csv", tmp_path)[1]) == 3
    with pytest.raises(DataError, match=r"layout fer2013-csv needs fer2013\.csv, or the folder that holds it"):
        read("fer2013-csv", tmp_path / "elsewhere")


def test_blanks_in_the_header_as_in_the_copy_of_kaggle(tmp_path: Path, faces, read) -> None:
    rows = csv_rows(faces[:3])
    mixed = [[row[0], row[2], row[1]] for row in rows]
    mixed[0] = ["emotion", " Usage", " pixels"]
    assert len(read("fer2013-csv", write_csv(tmp_path / "icml_face_data.csv", mixed))[1]) == 3


def test_the_csv_of_another_dataset_stops(tmp_path: Path, read) -> None:
    path = write_csv(tmp_path / "iris.csv", [["sepal_length", "species"], ["5.1", "setosa"]])
    with pytest.raises(DataError, match=r"column 'emotion' is missing; .*there are sepal_length, species: is this the"):
        read("fer2013-csv", path)


def test_a_missing_column_stops(tmp_path: Path, faces, read) -> None:
    path = write_csv(tmp_path / "x.csv", [row[:2] for row in csv_rows(faces[:2])])
    with pytest.raises(DataError, match="column 'Usage' is missing"):
        read("fer2013-csv", path)


@pytest.mark.parametrize(
    ("column", "value", "kind"),
    [
        (1, "1 2 3", "pixels are not 2304 numbers (3 of them)"),
        (1, " ".join(["0"] * 2305), "pixels are not 2304 numbers (2305 of them)"),
        (1, " ".join(["0"] * 2303 + ["256"]), "a pixel is not a number from 0 to 255"),
        (1, " ".join(["0"] * 2303 + ["-1"]), "a pixel is not a number from 0 to 255"),
        (1, " ".join(["0"] * 2303 + ["x"]), "a pixel is not a number from 0 to 255"),
        (1, "", "pixels are not 2304 numbers (0 of them)"),
        (0, "7", "emotion is not a code from 0 to 6 ('7')"),
        (0, "happy", "emotion is not a code from 0 to 6 ('happy')"),
        (0, "", "emotion is not a code from 0 to 6 ('')"),
        (2, "Test", "Usage is none of Training, PublicTest, PrivateTest ('Test')"),
    ],
)
def test_a_bad_row_is_named_counted_and_left_out(tmp_path: Path, faces, read, column, value, kind) -> None:
    rows = csv_rows(faces[:5])
    rows[3][column] = value
    path = write_csv(tmp_path / "fer2013.csv", rows)
    _, records, problems = read("fer2013-csv", path)
    assert len(records) == 4
    assert len(problems) == 1
    assert str(problems.found[0]).startswith(f"{path}, row 4: {kind}")
    with pytest.raises(DataError, match=r"row 4: .*; leave it out by running again without --strict"):
        read("fer2013-csv", path, strict=True)


def test_a_row_cut_short_is_left_out(tmp_path: Path, faces, read) -> None:
    rows = csv_rows(faces[:2])
    path = write_csv(tmp_path / "fer2013.csv", [*rows, ["3"]])
    _, records, problems = read("fer2013-csv", path)
    assert (len(records), len(problems)) == (2, 1)


def test_a_binary_file_is_no_csv(tmp_path: Path, faces, read) -> None:
    (tmp_path / "fer2013.csv").write_bytes(faces[0].image)
    with pytest.raises(DataError, match=r"cannot be read as CSV|column 'emotion' is missing"):
        read("fer2013-csv", tmp_path)


def test_kaggles_file_without_splits_is_known(tmp_path: Path, faces, read) -> None:
    path = write_csv(tmp_path / "train.csv", [row[:2] for row in csv_rows(faces[:2])])
    with pytest.raises(DataError, match=r"which has no splits; take fer2013\.csv or icml_face_data\.csv"):
        read("fer2013-csv", path)
