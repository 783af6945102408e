"""RAF-DB's published files, with real pictures in the place of its own."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.errors import DataError
from mien.inference.image import read_picture
from mien.labels import RAF7
from tests.data.sources.layouts_on_disk import aligned_jpeg, put


@pytest.fixture
def raf_db(tmp_path: Path, pngs) -> Path:
    """RAF-DB with a picture of each class."""
    names = [f"train_{number:05d}" for number in range(1, 6)] + ["test_0001", "test_0002"]
    lines = "".join(f"{name}.jpg {code}\n" for code, name in enumerate(names, 1))
    put(tmp_path, ["basic/EmoLabel/list_patition_label.txt"], [lines.encode()])
    jpegs = [aligned_jpeg(png) for png in pngs[:7]]
    put(tmp_path, [f"basic/Image/aligned/{name}_aligned.jpg" for name in names], jpegs)
    return tmp_path


def test_the_published_codes_and_splits(raf_db: Path, read) -> None:
    meta, records, problems = read("raf-db", raf_db)
    assert (meta.label_set, len(problems)) == (RAF7, 0)
    assert [record.label for record in records] == [
        "surprise",
        "fear",
        "disgust",
        "happiness",
        "sadness",
        "anger",
        "neutral",
    ]
    assert [record.split for record in records] == ["train"] * 5 + ["test"] * 2
    assert records[0].image == (raf_db / "basic/Image/aligned/train_00001_aligned.jpg").read_bytes()
    assert "non-commercial" in meta.license
    assert read_picture(records[0].image).shape == (100, 100, 3)


def test_an_inner_folder_and_a_doubled_one_do_too(raf_db: Path, read) -> None:
    assert len(read("raf-db", raf_db / "basic")[1]) == 7
    inner = raf_db / "basic" / "Image" / "aligned"
    inner.rename(raf_db / "moved")
    inner.mkdir()
    (raf_db / "moved").rename(inner / "aligned")
    assert len(read("raf-db", raf_db)[1]) == 7


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("train_00001.jpg 8", "is not a code from 1 to 7"),
        ("train_00001.jpg 0", "is not a code from 1 to 7"),
        ("train_00001.jpg", "is not a file name and a code"),
        ("other_00001.jpg 1", "name begins with neither train_ nor test_"),
        ("train_99999.jpg 1", "is not a picture that can be read"),
    ],
)
def test_a_bad_line_is_left_out(raf_db: Path, read, line, kind) -> None:
    with (raf_db / "basic/EmoLabel/list_patition_label.txt").open("a") as labels:
        labels.write(f"{line}\n")
    _, records, problems = read("raf-db", raf_db)
    assert len(records) == 7
    assert problems.counts == {kind: 1}


def test_a_broken_picture_is_left_out(raf_db: Path, read) -> None:
    path = raf_db / "basic/Image/aligned/test_0001_aligned.jpg"
    path.write_bytes(path.read_bytes()[:200])
    _, records, problems = read("raf-db", raf_db)
    assert len(records) == 6
    assert problems.found[0].place == str(path)


def test_missing_parts_are_named(raf_db: Path, tmp_path: Path, read) -> None:
    for picture in (raf_db / "basic/Image/aligned").iterdir():
        picture.unlink()
    with pytest.raises(DataError, match="has no folder 'aligned' with pictures"):
        read("raf-db", raf_db)
    (raf_db / "basic/EmoLabel/list_patition_label.txt").unlink()
    with pytest.raises(DataError, match=r"list_patition_label\.txt is not in it; layout raf-db needs"):
        read("raf-db", raf_db)


def test_pictures_are_what_they_were(raf_db: Path, read, pngs) -> None:
    decoded = read_picture(read("raf-db", raf_db)[1][0].image).astype(int)
    original = cv2.resize(read_picture(pngs[0]), (100, 100)).astype(int)
    assert np.abs(decoded - original).mean() < 5


def test_copies_with_a_folder_for_each_code(tmp_path: Path, pngs, read) -> None:
    names = [f"{split}/{code}/{split}_{code:05d}_aligned.jpg" for split in ("test", "train") for code in range(1, 8)]
    put(tmp_path / "DATASET", names, [aligned_jpeg(png) for png in pngs[:14]])
    (tmp_path / "train_labels.csv").write_text("image,label\n")
    for place, before in ((tmp_path, "DATASET/"), (tmp_path / "DATASET", "")):
        meta, records, problems = read("raf-db", place)
        assert (meta.label_set, len(problems)) == (RAF7, 0)
        assert [record.label for record in records] == [*RAF7.labels, *RAF7.labels]
        assert [record.split for record in records] == ["test"] * 7 + ["train"] * 7
        assert records[0].path == f"{before}test/1/test_00001_aligned.jpg"


def test_folders_of_other_codes_are_another_dataset(tmp_path: Path, pngs, read) -> None:
    put(tmp_path, ["train/0/1.png", "train/1/2.png"], pngs)
    with pytest.raises(DataError, match="RAF-DB's codes are 1 to 7, so this is another dataset"):
        read("raf-db", tmp_path)


def test_copies_name_every_picture_that_is_not_read(tmp_path: Path, pngs, read) -> None:
    read_ones = ["train/1/1.png", "test/7/2.png"]
    beside = ["1.png", "extra/1/2.png", "extra/3.png", "train/4.png", "train/anger/5.png", "val/fear/deep/6.png"]
    put(tmp_path, [*read_ones, *beside, "notes/readme.txt", "train/empty/notes.txt", "test/7/deeper/7.png"], pngs)
    _, records, problems = read("raf-db", tmp_path)
    assert sorted(record.path for record in records) == sorted(read_ones)
    assert {str(problem).removeprefix(f"{tmp_path}/") for problem in problems.found} == {
        "1.png: lies beside the folders that are read",
        "extra: is no split that mien knows (2 pictures)",
        "train/4.png: lies beside the folders that are read",
        "train/anger: is no code from 1 to 7 (1 picture)",
        "val/fear: is no code from 1 to 7 (1 picture)",
        "test/7/deeper/7.png: lies deeper than this layout reads",
    }
    with pytest.raises(DataError, match="lies beside the folders that are read; leave it out"):
        read("raf-db", tmp_path, strict=True)


def test_what_lies_beside_an_inner_folder_of_copies_is_named_too(tmp_path: Path, pngs, read) -> None:
    put(tmp_path, ["DATASET/train/1/1.png", "DATASET/2.png", "3.png", "more/4.png"], pngs)
    _, records, problems = read("raf-db", tmp_path)
    assert [record.path for record in records] == ["DATASET/train/1/1.png"]
    assert {Path(problem.place).name for problem in problems.found} == {"2.png", "3.png", "more"}


def test_a_picture_that_is_listed_twice_is_read_once(raf_db: Path, read) -> None:
    with (raf_db / "basic/EmoLabel/list_patition_label.txt").open("a") as labels:
        labels.write("train_00001.jpg 5\ntrain_00001.png 5\n")
    _, records, problems = read("raf-db", raf_db)
    assert [record.label for record in records if record.path.startswith("train_00001")] == ["surprise"]
    assert problems.counts == {"names a picture that an earlier line has": 2}
    assert str(problems.found[0]).endswith("line 8: names a picture that an earlier line has (train_00001.jpg)")
