"""RAF-ML's published files, with real pictures in the place of its own."""

from pathlib import Path

import pytest

from mien.errors import DataError, UsageError
from mien.labels import RAF6
from tests.data.sources.layouts_on_disk import aligned_jpeg, put

SHARES = {
    "0001.jpg": "0.50 0.30 0.05 0.05 0.05 0.05",
    "0002.jpg": "0.00 0.00 0.00 1.00 0.00 0.00",
    "0003.jpg": "0.166667 0.166667 0.166667 0.166667 0.166667 0.166665",
    "0004.jpg": "0.17 0.16 0.17 0.16 0.17 0.17",
}


@pytest.fixture
def raf_ml(tmp_path: Path, pngs) -> Path:
    """RAF-ML with four pictures, the last one of the test part."""
    distribution = "".join(f"{name} {shares}\n" for name, shares in SHARES.items())
    partition = "".join(f"{name} {int(name == '0004.jpg')}\n" for name in SHARES)
    put(tmp_path, ["EmoLabel/distribution.txt"], [distribution.encode()])
    put(tmp_path, ["EmoLabel/partition_label.txt"], [partition.encode()])
    names = [f"Image/aligned/{Path(name).stem}_aligned.jpg" for name in SHARES]
    return put(tmp_path, names, [aligned_jpeg(png) for png in pngs])


def test_shares_labels_and_parts(raf_ml: Path, read) -> None:
    meta, records, problems = read("raf-ml", raf_ml)
    assert (meta.label_set, meta.votes, len(problems)) == (RAF6, RAF6.labels, 0)
    assert RAF6.labels == ("surprise", "fear", "disgust", "happiness", "sadness", "anger")
    assert [record.split for record in records] == ["train", "train", "train", "test"]
    assert records[0].votes == (0.5, 0.3, 0.05, 0.05, 0.05, 0.05)
    assert [record.label for record in records[:2]] == ["surprise", "happiness"]


def test_above_the_mean_is_present(raf_ml: Path, read) -> None:
    meta, records, _ = read("raf-ml", raf_ml)
    assert meta.preparation == ("labels of shares above the mean",)
    assert records[0].labels == ("surprise", "fear")
    assert records[1].labels == ("happiness",)
    assert records[3].labels == ("surprise", "disgust", "sadness", "anger")


def test_another_threshold(raf_ml: Path, read) -> None:
    meta, records, _ = read("raf-ml", raf_ml, threshold=0.4)
    assert meta.preparation == ("labels of shares above 0.4",)
    assert [record.labels for record in records] == [("surprise",), ("happiness",), (), ()]


@pytest.mark.parametrize("threshold", [-0.1, 1.0, float("nan")])
def test_a_threshold_that_tells_nothing_apart(raf_ml: Path, read, threshold) -> None:
    with pytest.raises(UsageError, match="give 0 to below 1"):
        read("raf-ml", raf_ml, threshold=threshold)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("0001.jpg 0.5 0.5 0.5 0 0 0", "the distribution does not sum to one"),
        ("0001.jpg 0.1 0.1 0.1 0.1 0.1 0.1", "the distribution does not sum to one"),
        ("0001.jpg 0.5 0.5 0 0 0", "is not a file name and 6 shares"),
        ("0001.jpg 0.5 0.5 0 0 0 0 0", "is not a file name and 6 shares"),
        ("0001.jpg 1.5 -0.5 0 0 0 0", "is not a file name and 6 shares"),
        ("0001.jpg nan 1 0 0 0 0", "is not a file name and 6 shares"),
        ("0001.jpg a b c d e f", "is not a file name and 6 shares"),
        ("9999.jpg 1 0 0 0 0 0", "partition_label.txt does not say 0 or 1 for it"),
    ],
)
def test_a_bad_line_is_left_out(raf_ml: Path, read, line, kind) -> None:
    with (raf_ml / "EmoLabel/distribution.txt").open("a") as shares:
        shares.write(f"{line}\n")
    _, records, problems = read("raf-ml", raf_ml)
    assert len(records) == 4
    assert problems.counts == {kind: 1}
    assert problems.found[0].place.endswith("distribution.txt, line 5")


def test_a_missing_file_is_named(raf_ml: Path, read) -> None:
    (raf_ml / "EmoLabel/partition_label.txt").unlink()
    with pytest.raises(DataError, match=r"partition_label\.txt is not in it; layout raf-ml needs"):
        read("raf-ml", raf_ml)


def test_a_picture_that_is_listed_twice_is_read_once(raf_ml: Path, read) -> None:
    for name, line in (("distribution.txt", "0001.jpg 0 0 0 0 0 1"), ("partition_label.txt", "0001.jpg 1")):
        with (raf_ml / "EmoLabel" / name).open("a") as file:
            file.write(f"{line}\n")
    _, records, problems = read("raf-ml", raf_ml)
    assert [(record.label, record.split) for record in records if record.path == "0001.jpg"] == [("surprise", "train")]
    assert problems.counts == {"names a picture that an earlier line has": 2}
