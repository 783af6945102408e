"""A table as the source of another."""

from dataclasses import replace
from pathlib import Path

import pytest

from mien.data.preparation import Preparation, prepare
from mien.data.problems import Problems
from mien.data.sources import SourceOptions, layout
from mien.errors import DataError


def test_rows_and_metadata_stay(faces, make_table, read) -> None:
    table = make_table()
    meta, records, problems = read("table", table.path)
    assert (meta, records, len(problems)) == (table.meta, list(faces), 0)


def test_what_was_done_before_stays_on_the_record(make_table, tmp_path: Path) -> None:
    table = make_table()
    for name, preparation in (("a", Preparation(gray=True)), ("b", Preparation(drop=("fear",)))):
        source = layout("table").open(table.path, SourceOptions(), Problems())
        table = prepare(source, tmp_path / name, preparation, problems=Problems())
    assert table.meta.preparation == ("gray", "without fear")


def test_a_broken_picture_is_left_out(faces, make_table, read) -> None:
    table = make_table([faces[0], replace(faces[1], image=faces[1].image[:99]), faces[2]])
    _, records, problems = read("table", table.path)
    assert (records, len(problems)) == ([faces[0], faces[2]], 1)
    assert problems.found[0].place == f"{table.path}, picture {faces[1].path}"


def test_no_table(shared: Path, read) -> None:
    with pytest.raises(DataError, match=r"is no table of mien's"):
        read("table", shared / "data" / "scenes.parquet")


def test_names_that_a_table_has_twice_are_told_apart(faces, make_table, read) -> None:
    _, records, _ = read("table", make_table([faces[0], replace(faces[1], path=faces[0].path)]).path)
    assert [record.path for record in records] == [faces[0].path, f"{faces[1].source}/{faces[0].path}"]
