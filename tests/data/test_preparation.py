"""What is done on the way into a table, and what stays as it is."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.data.encoding import encode_png
from mien.data.fer2013_columns import META
from mien.data.preparation import Preparation, prepare, prepared_meta
from mien.data.problems import Problems
from mien.data.record import Record, Scaling
from mien.data.sources import SourceOptions, layout
from mien.data.sources.source import Source
from mien.data.table import Table
from mien.errors import DataError, OutputError, UsageError
from mien.inference.image import read_picture
from mien.labels import FER7, FERPLUS10
from tests.data.sources.layouts_on_disk import put

BROKEN = Record(image=b"broken", path="broken.png", label="fear", split="Training", source="")


def prepare_records(records, output: Path, **options) -> Table:
    """Prepare some records as if a layout had given them."""
    source = Source(META, len(records), iter(records))
    return prepare(source, output, Preparation(**options), problems=Problems())


def test_by_default_the_bytes_stay_as_they_are(tmp_path: Path, faces) -> None:
    table = prepare_records(faces, tmp_path / "x.parquet")
    assert list(table.records()) == list(faces)
    assert table.meta == META


def test_gray_and_size(tmp_path: Path, faces, shared: Path) -> None:
    photo = (shared / "photos" / "portrait.jpg").read_bytes()
    table = prepare_records([replace(faces[0], image=photo), faces[1]], tmp_path / "x.parquet", gray=True, size=32)
    first, second = table.records()
    rgb = read_picture(photo)
    height, width = rgb.shape[:2]
    side, top, left = min(height, width), (height - min(height, width)) // 2, (width - min(height, width)) // 2
    small = cv2.resize(rgb[top : top + side, left : left + side], (32, 32), interpolation=cv2.INTER_AREA)
    expected = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    assert np.array_equal(read_picture(first.image), np.repeat(expected[..., None], 3, axis=2))
    assert read_picture(second.image).shape == (32, 32, 3)
    assert table.meta.preparation == ("gray", "size 32")


def test_a_picture_of_the_right_size_keeps_its_pixels(tmp_path: Path, faces) -> None:
    table = prepare_records(faces[:3], tmp_path / "x.parquet", gray=True, size=48)
    for record, face in zip(table.records(), faces, strict=False):
        assert np.array_equal(read_picture(record.image), read_picture(face.image))


def test_a_picture_that_needs_no_change_keeps_its_bytes(tmp_path: Path, faces) -> None:
    gray = encode_png(read_picture(faces[0].image)[..., 0])
    jpeg = cv2.imencode(".jpg", read_picture(faces[1].image)[..., 0])[1].tobytes()
    colour = encode_png(read_picture(faces[2].image))  # three channels, all the same
    small = encode_png(np.zeros((20, 30), np.uint8))
    contents = [gray, jpeg, colour, small]
    rows = [replace(face, image=content) for face, content in zip(faces, contents, strict=False)]
    sized, grayed, both = (
        [record.image for record in prepare_records(rows, tmp_path / f"{number}.parquet", **options).records()]
        for number, options in enumerate(({"size": 48}, {"gray": True}, {"size": 48, "gray": True}))
    )
    assert [old == new for old, new in zip(contents, sized, strict=True)] == [True, True, True, False]
    assert [old == new for old, new in zip(contents, grayed, strict=True)] == [True, True, False, True]
    assert [old == new for old, new in zip(contents, both, strict=True)] == [True, True, False, False]
    assert cv2.imdecode(np.frombuffer(both[2], np.uint8), cv2.IMREAD_UNCHANGED).ndim == 2


def test_dropping_a_class_leaves_six_in_the_same_order(tmp_path: Path, faces) -> None:
    rows = [replace(face, labels=("anger", "happiness")) for face in faces]
    table = prepare_records(rows, tmp_path / "x.parquet", drop=("anger",))
    assert table.meta.label_set.labels == tuple(label for label in FER7.labels if label != "anger")
    assert table.meta.label_set.name == "fer7-without-anger"
    assert table.count == sum(face.label != "anger" for face in faces)
    assert {record.labels for record in table.records()} == {("happiness",)}


def test_dropping_what_is_not_there(tmp_path: Path, faces) -> None:
    with pytest.raises(UsageError, match=r"unknown class to drop 'angry': .* Did you mean 'anger'"):
        prepare_records(faces, tmp_path / "x.parquet", drop=("angry",))
    with pytest.raises(UsageError, match="leaves no class of fer7"):
        prepare_records(faces, tmp_path / "x.parquet", drop=FER7.labels)
    with pytest.raises(UsageError, match="--size 0: a picture needs at least 1 pixel"):
        prepare_records(faces, tmp_path / "x.parquet", size=0)
    with pytest.raises(UsageError, match="--size 100000: a side has at most 4096 pixels here"):
        prepare_records(faces, tmp_path / "x.parquet", size=100_000)
    assert not list(tmp_path.iterdir())


def test_a_limit_counts_by_split(tmp_path: Path, faces) -> None:
    table = prepare_records(faces, tmp_path / "x.parquet", limit=5)
    assert table.split_counts() == {"Training": 5, "PublicTest": 5, "PrivateTest": 5}
    assert table.meta.preparation == ("limit 5",)


def test_the_licence_that_the_user_says_counts(tmp_path: Path, faces) -> None:
    assert prepare_records(faces[:1], tmp_path / "x.parquet", license="CC0").meta.license == "CC0"


def test_duplicates_go_from_training(tmp_path: Path, faces) -> None:
    twin = replace(faces[0], split="PrivateTest", path="twin.png")
    light = encode_png((read_picture(faces[1].image) * 0.8 + 30).astype(np.uint8))
    near = replace(faces[1], image=light, path="near.png")
    rows = [*faces, twin, near]
    exact = prepare_records(rows, tmp_path / "exact.parquet", duplicates="exact")
    assert [record.path for record in exact.records()] == [row.path for row in rows if row is not faces[0]]
    assert exact.meta.preparation == ("without 1 exact duplicates",)
    both = prepare_records(rows, tmp_path / "near.parquet", duplicates="near")
    assert [record.path for record in both.records()] == [row.path for row in rows if row not in (faces[0], near)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["exact.parquet", "near.parquet"]


def test_scaling_is_fitted_on_training_only_and_leaves_the_pictures(tmp_path: Path, faces) -> None:
    def face(low: int, high: int, split: str):
        picture = np.full((8, 8), low, np.uint8)
        picture[0, 0] = high
        return replace(faces[0], image=encode_png(picture), split=split, path=f"{low}.png")

    rows = [face(20, 90, "train"), face(30, 100, "train"), face(0, 255, "test")]
    table = prepare_records(rows, tmp_path / "x.parquet", scale_on="train")
    assert table.meta.scaling == Scaling("train", (20.0,) * 3, (100.0,) * 3)
    assert list(table.records()) == rows
    with pytest.raises(UsageError, match="unknown split 'training': it is one of train, test"):
        prepare_records(rows, tmp_path / "y.parquet", scale_on="training")
    assert not (tmp_path / "y.parquet").exists()


@pytest.mark.parametrize(
    "change", [{"gray": True}, {"size": 32}, {"drop": ("fear",)}, {"limit": 1}, {"duplicates": "exact"}]
)
def test_a_scaling_of_other_pictures_is_removed(tmp_path: Path, faces, change) -> None:
    meta = replace(META, scaling=Scaling("Training", (20.0,) * 3, (100.0,) * 3))
    assert prepared_meta(meta, Preparation(license="CC0")).scaling == meta.scaling
    source = Source(meta, 2, iter(faces[:2]))
    assert prepare(source, tmp_path / "x.parquet", Preparation(**change), problems=Problems()).meta.scaling is None


def test_a_scaling_of_a_picture_that_is_broken_now_is_removed(faces, make_table, tmp_path: Path) -> None:
    meta = replace(META, scaling=Scaling("Training", (20.0,) * 3, (100.0,) * 3))
    for name, rows, scaling in (("whole", faces[:2], meta.scaling), ("broken", (faces[0], BROKEN), None)):
        table = make_table(rows, meta=meta, name=f"{name}.parquet")
        problems = Problems()
        source = layout("table").open(table.path, SourceOptions(), problems)
        assert prepare(source, tmp_path / f"{name}-2.parquet", Preparation(), problems=problems).meta.scaling == scaling


def test_not_one_usable_row_is_an_error_and_no_file(tmp_path: Path) -> None:
    put(tmp_path / "in", ["happy/1.png", "happy/2.png"], [b"broken", b""])
    problems = Problems()
    source = layout("folders").open(tmp_path / "in", SourceOptions(), problems)
    with pytest.raises(DataError, match=r"not one picture can be used as layout folders; the first of 2 .*1\.png"):
        prepare(source, tmp_path / "x.parquet", Preparation(), problems=problems)
    assert not (tmp_path / "x.parquet").exists()


def test_an_existing_table_stays(tmp_path: Path, faces) -> None:
    (tmp_path / "x.parquet").write_text("precious")
    with pytest.raises(OutputError, match="exists already"):
        prepare_records(faces, tmp_path / "x.parquet")
    assert (tmp_path / "x.parquet").read_text() == "precious"


def test_dropping_keeps_the_labels_for_several_in_step(tmp_path: Path, faces) -> None:
    source = Source(replace(META, present_set=FERPLUS10), 1, iter([replace(faces[0], label="fear", labels=("anger",))]))
    table = prepare(source, tmp_path / "x.parquet", Preparation(drop=("anger",)), problems=Problems())
    assert "anger" not in table.meta.multi_set.labels
    assert [record.labels for record in table.records()] == [()]
