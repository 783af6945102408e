import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from mien.errors import DataError, UsageError
from mien.evaluation import groups as groups_module
from mien.evaluation.groups import REPEATED, column_groups, quality_groups, repeated_group


def test_quality_is_brightness_contrast_and_sharpness(drawn_samples):
    groups = quality_groups(drawn_samples)
    assert set(groups) == {"brightness", "contrast", "sharpness"}
    means = drawn_samples.crops.mean(axis=(1, 2, 3))
    assert means[groups["brightness"] == "low"].max() <= means[groups["brightness"] == "high"].min()


def test_a_contrasty_picture_is_not_taken_for_a_sharp_one(drawn_samples):
    faint = 128 + np.random.default_rng(0).integers(-4, 5, (32, 1, 48, 48))  # every pixel is another one
    waves = np.broadcast_to(128 + 100 * np.sin(np.arange(48) * np.pi / 6), (32, 1, 48, 48))
    groups = quality_groups(replace(drawn_samples, crops=np.concatenate([faint, waves]).astype(np.uint8)))
    assert set(groups["sharpness"][32:]) == {"low"}
    assert "low" not in groups["sharpness"][:32]
    assert "high" not in groups["contrast"][:32]


def test_repeats_of_training_are_known(drawn_samples):
    again = drawn_samples.take(np.arange(10))
    groups = repeated_group(drawn_samples.take(np.arange(5, 20)), again)
    assert groups[REPEATED].tolist() == ["yes"] * 5 + ["no"] * 10


@pytest.fixture
def table(tmp_path):
    """A table of 30 pictures of split test, and a function that writes its changed content over it."""
    pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    from mien.data.encoding import encode_png
    from mien.data.record import Record, TableMeta
    from mien.data.writing import write_table
    from mien.labels import FER7

    image = encode_png(np.zeros((4, 4), np.uint8))
    records = [
        Record(image, f"{n}.png", "anger", "test", "drawn", subject="ab"[n % 2] if n else None) for n in range(30)
    ]
    path = tmp_path / "t.parquet"
    write_table(path, TableMeta(FER7, "none", "drawn"), records)
    return path, parquet.read_table(path), lambda content: parquet.write_table(content, path)


IDS = np.array([f"{n}.png" for n in range(30)])


def test_columns_of_the_data_by_name(table):
    path, content, write = table
    write(content.append_column("age", [list(range(30))]).append_column("lens", [["x", "y"] * 15]))
    ids = np.array(["3.png", "0.png", "28.png"])
    found = column_groups(path, ids, ["lens", "age"], split="test")
    assert {name: values.tolist() for name, values in found.items()} == {
        "lens": ["y", "x", "x"],
        "age": ["3", "0", "28"],
        "subject": ["b", "", "a"],
    }
    every = column_groups(path, IDS, ["age"], split="test")
    assert every["age"].tolist() == ["low"] * 10 + ["middle"] * 10 + ["high"] * 10
    with pytest.raises(UsageError, match="unknown column 'hair'"):
        column_groups(path, ids, ["hair"], split="test")
    with pytest.raises(DataError, match=r"has no picture 3\.png in split 'train'; give the table that was predicted"):
        column_groups(path, ids, split="train")


@pytest.mark.parametrize("nothing", [None, float("nan")])
def test_numbers_are_cut_in_three_where_some_are_missing(table, nothing):
    path, content, write = table
    write(content.append_column("age", [[float(n) for n in range(27)] + [nothing] * 3]))
    found = column_groups(path, IDS, ["age"], split="test")
    assert found["age"].tolist() == ["low"] * 9 + ["middle"] * 9 + ["high"] * 9 + [""] * 3


def test_the_same_name_in_another_split_is_another_picture(table):
    path, content, write = table
    images = content["image"].to_pylist()
    again = [image | {"path": f"{n % 15}.png"} for n, image in enumerate(images)]
    splits = [["test"] * 15 + ["train"] * 15]
    content = content.set_column(0, content.field(0), [again]).append_column("lens", [["x"] * 15 + ["y"] * 15])
    write(content.set_column(content.column_names.index("split"), "split", splits))
    for split, lens in (("test", "x"), ("train", "y")):
        assert set(column_groups(path, IDS[:15], ["lens"], split=split)["lens"].tolist()) == {lens}


def test_the_same_name_twice_in_a_split_is_refused(table):
    path, content, write = table
    again = [image | {"path": f"{n % 15}.png"} for n, image in enumerate(content["image"].to_pylist())]
    write(content.set_column(0, content.field(0), [again]))
    with pytest.raises(DataError, match=r"names of pictures repeat, such as 0\.png; prepare or merge the table anew"):
        column_groups(path, IDS[:5], split="test")


def test_quality_is_the_same_in_blocks(drawn_samples, monkeypatch):
    whole = quality_groups(drawn_samples)
    monkeypatch.setattr(groups_module, "BLOCK", 7)
    in_blocks = quality_groups(drawn_samples)
    assert all((whole[name] == in_blocks[name]).all() for name in whole)


def test_quality_of_many_pictures_does_not_make_floats_of_all(drawn_samples):
    many = drawn_samples.take(np.arange(6000) % len(drawn_samples))
    tracemalloc.start()
    quality_groups(many)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 4 * many.crops.nbytes  # all as floats, twice, are sixteen times as much
