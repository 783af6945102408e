"""Flat names by class code, read and made."""

from pathlib import Path

import pytest

from mien.data.problems import Problems
from mien.data.sources.prefixed import copy_renamed, plan_names
from mien.errors import DataError, OutputError
from mien.labels import FERPLUS8
from tests.data.sources.layouts_on_disk import put


def test_class_codes(tmp_path: Path, pngs, read) -> None:
    names = ["an_0.jpg", "di_1.png", "fe_2.png", "ha_12.png", "sa_0.png", "su_0.png", "ne_0.png", "CO_1.png"]
    meta, records, problems = read("prefixed", put(tmp_path, names, pngs))
    assert (meta.label_set, len(problems)) == (FERPLUS8, 0)
    assert {record.path: record.label for record in records} == {
        "an_0.jpg": "anger",
        "di_1.png": "disgust",
        "fe_2.png": "fear",
        "ha_12.png": "happiness",
        "sa_0.png": "sadness",
        "su_0.png": "surprise",
        "ne_0.png": "neutral",
        "CO_1.png": "contempt",
    }


def test_folders_of_splits(tmp_path: Path, pngs, read) -> None:
    _, records, problems = read("prefixed", put(tmp_path, ["train/an_0.png", "test/ha_0.png", "odd/ha_1.png"], pngs))
    assert sorted((record.label, record.split) for record in records) == [("anger", "train"), ("happiness", "test")]
    assert problems.counts == {"is no split that mien knows": 1}


def test_pictures_below_the_splits_are_named(tmp_path: Path, pngs, read) -> None:
    names = ["an_0.jpg", "train/an_0.png", "train/more/ha_0.png"]
    _, records, problems = read("prefixed", put(tmp_path, names, pngs))
    assert sorted(record.path for record in records) == names[:2]
    assert [str(problem) for problem in problems.found] == [
        f"{tmp_path / names[2]}: lies deeper than this layout reads"
    ]


def test_other_names_are_left_out(tmp_path: Path, pngs, read) -> None:
    _, records, problems = read("prefixed", put(tmp_path, ["an_0.png", "xx_1.png", "angry.png"], pngs))
    assert len(records) == 1
    assert [Path(problem.place).name for problem in problems.found] == ["angry.png", "xx_1.png"]
    with pytest.raises(DataError, match=r"holds no picture named by class code such as an_0\.jpg; codes are an anger"):
        read("prefixed", put(tmp_path / "none", ["1.png"], pngs))


def test_names_made_from_folders_read_back_as_the_same_classes(tmp_path: Path, pngs, read) -> None:
    names = ["train/angry/x.png", "train/angry/y.PNG", "train/happy/z.png", "test/angry/x.png"]
    source, output = put(tmp_path / "in", names, pngs), tmp_path / "out"
    plan = plan_names(source, output, Problems())
    assert not output.exists(), "a plan must change nothing"
    copy_renamed(plan)
    made = sorted(path.relative_to(output).as_posix() for path in output.rglob("*.*"))
    assert made == ["test/an_0.png", "train/an_0.png", "train/an_1.png", "train/ha_0.png"]
    assert (output / "train" / "an_1.png").read_bytes() == pngs[1]
    assert (source / "train" / "angry" / "x.png").exists(), "the pictures must stay"
    assert len(read("prefixed", output)[1]) == 4


def test_nothing_is_overwritten(tmp_path: Path, pngs) -> None:
    source = put(tmp_path / "in", ["angry/x.png", "happy/y.png"], pngs)
    plan = plan_names(source, tmp_path / "out", Problems())
    put(tmp_path / "out", ["ha_0.png"], [b"precious"])
    with pytest.raises(OutputError, match=r"ha_0\.png: exists already and nothing is overwritten"):
        plan_names(source, tmp_path / "out", Problems())
    with pytest.raises(OutputError, match=r"ha_0\.png: cannot be written \(File exists\)"):
        copy_renamed(plan)
    assert (tmp_path / "out" / "ha_0.png").read_bytes() == b"precious"


def test_a_full_disk_leaves_no_half_picture(tmp_path: Path, pngs, monkeypatch) -> None:
    def full(source, target) -> None:
        target.write(b"half")
        raise OSError(28, "No space left on device")

    plan = plan_names(put(tmp_path / "in", ["angry/x.png"], pngs), tmp_path / "out", Problems())
    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(OutputError, match="No space left on device"):
        copy_renamed(plan)
    assert list((tmp_path / "out").iterdir()) == []


def test_ctrl_c_or_a_kill_leaves_no_half_picture(tmp_path: Path, pngs, monkeypatch) -> None:
    output = tmp_path / "out"

    def stopped(source, target) -> None:
        target.write(b"half")
        assert not (output / "an_0.png").exists(), "a kill would leave it there"
        raise KeyboardInterrupt

    plan = plan_names(put(tmp_path / "in", ["angry/x.png"], pngs), output, Problems())
    monkeypatch.setattr("shutil.copyfileobj", stopped)
    with pytest.raises(KeyboardInterrupt):
        copy_renamed(plan)
    assert list(output.iterdir()) == []


def test_classes_without_a_code_get_no_name(tmp_path: Path, pngs) -> None:
    problems = Problems()
    plan = plan_names(put(tmp_path / "in", ["angry/x.png", "not_face/y.png"], pngs), tmp_path / "out", problems)
    assert [renaming.target.name for renaming in plan] == ["an_0.png"]
    assert problems.counts == {"has no class code": 1}


def test_what_lies_deeper_or_loose_gets_no_name(tmp_path: Path, pngs) -> None:
    problems = Problems()
    source = put(tmp_path / "in", ["angry/x.png", "angry/more/y.png", "z.png"], pngs)
    assert len(plan_names(source, tmp_path / "out", problems)) == 1
    assert [Path(problem.place).name for problem in problems.found] == ["z.png", "y.png"]
