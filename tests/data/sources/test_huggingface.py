"""Datasets of Hugging Face in local directories; the hub is not reached in tests."""

import gc
from dataclasses import replace
from pathlib import Path

import pytest

from mien.errors import DataError
from mien.labels import FER7

datasets = pytest.importorskip("datasets")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch) -> None:
    """Keep what `datasets` caches out of the home folder."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def make(faces, *, label=None, names: list[str] | None = None, **columns):
    """A dataset of some faces in memory."""
    features = {"image": datasets.Image()}
    content = {"image": [{"bytes": face.image, "path": face.path} for face in faces]}
    if label is not None:
        content["label"] = label
        features["label"] = datasets.ClassLabel(names=names) if names else datasets.Value("string")
    content |= columns
    features |= {name: datasets.Value("int64") for name in columns}
    return datasets.Dataset.from_dict(content, features=datasets.Features(features))


def test_class_labels_are_read_by_name_whatever_their_order(tmp_path: Path, faces, read) -> None:
    names = ["sad", "happy", "angry", "disgusted", "fearful", "surprised", "neutral"]
    made = make(faces[:3], label=[1, 0, 2], names=names)
    datasets.DatasetDict({"train": made, "test": made.select([0])}).save_to_disk(str(tmp_path / "saved"))
    meta, records, problems = read("huggingface", tmp_path / "saved")
    assert (meta.label_set, len(problems)) == (FER7, 0)
    assert [(record.label, record.split) for record in records] == [
        ("happiness", "train"),
        ("sadness", "train"),
        ("anger", "train"),
        ("happiness", "test"),
    ]
    assert [record.image for record in records[:3]] == [face.image for face in faces[:3]]
    assert len(read("huggingface", tmp_path / "saved", hub_split="test")[1]) == 1
    with pytest.raises(DataError, match="has no split 'dev'; there are train, test"):
        read("huggingface", tmp_path / "saved", hub_split="dev")


def test_class_names_as_text_in_one_saved_dataset(tmp_path: Path, faces, read) -> None:
    make(faces[:3], label=["happy", "bored", "sadness"]).save_to_disk(str(tmp_path / "saved"))
    _, records, problems = read("huggingface", tmp_path / "saved")
    assert [record.label for record in records] == ["happiness", "sadness"]
    assert problems.counts == {"has a class that mien does not know": 1}


def test_a_directory_of_parquet_files(tmp_path: Path, faces, read) -> None:
    (tmp_path / "data").mkdir()
    make(faces[:4], label=["happy", "sad", "fear", "anger"]).to_parquet(str(tmp_path / "data" / "train.parquet"))
    _, records, _ = read("huggingface", tmp_path / "data")
    assert [(record.label, record.split) for record in records] == [
        ("happiness", "train"),
        ("sadness", "train"),
        ("fear", "train"),
        ("anger", "train"),
    ]


def test_names_that_class_folders_repeat_are_told_apart(tmp_path: Path, faces, read) -> None:
    same = [replace(face, path="im0.png") for face in faces[:3]]
    made = make(same, label=["happy", "sad", "fear"])
    datasets.DatasetDict({"train": made.select([0, 1]), "test": made.select([2])}).save_to_disk(str(tmp_path / "saved"))
    _, records, _ = read("huggingface", tmp_path / "saved")
    assert [record.path for record in records] == ["im0.png", "saved/im0.png", "2/saved/im0.png"]


def test_a_broken_picture_is_left_out(tmp_path: Path, faces, read) -> None:
    made = datasets.Dataset.from_dict(
        {
            "image": [{"bytes": b"broken", "path": "x.png"}, {"bytes": faces[0].image, "path": "y.png"}],
            "label": ["sad"] * 2,
        },
        features=datasets.Features({"image": datasets.Image(), "label": datasets.Value("string")}),
    )
    made.save_to_disk(str(tmp_path / "saved"))
    _, records, problems = read("huggingface", tmp_path / "saved")
    assert ([record.path for record in records], len(problems)) == (["y.png"], 1)


def test_codes_without_names_are_refused(tmp_path: Path, faces, read) -> None:
    make(faces[:2], label_code=[0, 1]).save_to_disk(str(tmp_path / "saved"))
    with pytest.raises(DataError, match="Codes without names cannot be read, their order differs between datasets"):
        read("huggingface", tmp_path / "saved")


def test_another_kind_of_dataset_is_refused(tmp_path: Path, faces, read) -> None:
    make(faces[:2], label=[0, 1], names=["cat", "dog"]).save_to_disk(str(tmp_path / "saved"))
    with pytest.raises(DataError, match="the classes in column 'label' are cat, dog, none of which is an emotion"):
        read("huggingface", tmp_path / "saved")


def test_nothing_there_says_so_at_once(read) -> None:
    with pytest.raises(DataError, match="no such directory, and no name on the hub, which is like owner/name"):
        read("huggingface", Path("/nowhere/at/all"))


def test_a_hub_that_cannot_be_reached(monkeypatch, read) -> None:
    def offline(*_):
        raise ConnectionError("Couldn't reach\nthe hub")

    monkeypatch.setattr(datasets, "load_dataset", offline)
    with pytest.raises(
        DataError, match=r"owner/name: cannot be loaded as a dataset \(ConnectionError: Couldn't reach the"
    ):
        read("huggingface", Path("owner/name"))


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # datasets never closes metadata.csv
def test_a_csv_file_of_names_and_classes_beside_the_pictures(tmp_path: Path, faces, read) -> None:
    folder = tmp_path / "data" / "train"
    folder.mkdir(parents=True)
    for number, face in enumerate(faces[:2]):
        (folder / f"{number}.png").write_bytes(face.image)
    (folder / "metadata.csv").write_text("file_name,label\n0.png,happy\n1.png,sad\n")
    _, records, problems = read("huggingface", tmp_path / "data")
    assert [(record.label, record.split) for record in records] == [("happiness", "train"), ("sadness", "train")]
    assert not problems.found
    gc.collect()  # here, and not in a later test


def test_a_file_is_told_before_the_hub_is_asked(tmp_path: Path, read, monkeypatch) -> None:
    monkeypatch.setattr(datasets, "load_dataset", lambda name: pytest.fail("asked"))
    (tmp_path / "metadata.csv").write_text("file_name,label\n")
    with pytest.raises(DataError, match=r"metadata\.csv: is a file; give the folder that holds it"):
        read("huggingface", tmp_path / "metadata.csv")
