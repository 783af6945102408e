import numpy as np
import pytest

from mien.errors import UsageError
from mien.evaluation.groups import REPEATED, column_groups, quality_groups, repeated_group


def test_quality_is_brightness_contrast_and_sharpness(drawn_samples):
    groups = quality_groups(drawn_samples)
    assert set(groups) == {"brightness", "contrast", "sharpness"}
    means = drawn_samples.crops.mean(axis=(1, 2, 3))
    assert means[groups["brightness"] == "low"].max() <= means[groups["brightness"] == "high"].min()


def test_repeats_of_training_are_known(drawn_samples):
    again = drawn_samples.take(np.arange(10))
    groups = repeated_group(drawn_samples.take(np.arange(5, 20)), again)
    assert groups[REPEATED].tolist() == ["yes"] * 5 + ["no"] * 10


def test_columns_of_the_data_by_name(tmp_path):
    arrow = pytest.importorskip("pyarrow")
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
    table = parquet.read_table(path)
    table = table.append_column("age", arrow.array(range(30))).append_column("lens", arrow.array(["x", "y"] * 15))
    parquet.write_table(table, path)
    ids = np.array(["3.png", "0.png", "28.png"])
    found = column_groups(path, ids, ["lens", "age"])
    assert {name: values.tolist() for name, values in found.items()} == {
        "lens": ["y", "x", "x"],
        "age": ["3", "0", "28"],
        "subject": ["b", "", "a"],
    }
    every = column_groups(path, np.array([f"{n}.png" for n in range(30)]), ["age"])
    assert every["age"].tolist() == ["low"] * 10 + ["middle"] * 10 + ["high"] * 10
    with pytest.raises(UsageError, match="unknown column 'hair'"):
        column_groups(path, ids, ["hair"])
