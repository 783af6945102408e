"""Contact sheets show the pictures that they say they show."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.data.encoding import encode_png
from mien.data.sheets import CELL, LEGEND, MARGIN, draw_lots, draw_sheet, save_sheet
from mien.errors import OutputError, UsageError


def flat(faces, gray: int, label: str | None, split: str = "train"):
    """A picture of one gray, so that its place on a sheet can be read off."""
    return replace(faces[0], image=encode_png(np.full((48, 48), gray, np.uint8)), label=label, split=split)


def cell(sheet: Image.Image, row: int, column: int) -> int:
    """The gray in the middle of a cell."""
    step = CELL + MARGIN
    return sheet.getpixel((LEGEND + column * step + CELL // 2, MARGIN + row * step + CELL // 2))[0]


def test_a_row_for_each_class_in_the_order_of_the_label_set(faces, make_table) -> None:
    rows = [flat(faces, 60, "fear"), flat(faces, 10, "anger"), flat(faces, 200, None), flat(faces, 60, "fear")]
    sheet = draw_sheet(make_table(rows), columns=3)
    assert [cell(sheet, row, 0) for row in range(3)] == [10, 60, 200]
    assert [cell(sheet, 1, column) for column in range(3)] == [60, 60, 255]


def test_one_class_or_one_split_only(faces, make_table) -> None:
    rows = [flat(faces, 60, "fear"), flat(faces, 10, "anger"), flat(faces, 90, "fear", "test")]
    table = make_table(rows)
    sheet = draw_sheet(table, label="fear", columns=2)
    assert {cell(sheet, 0, 0), cell(sheet, 0, 1)} == {60, 90}
    assert cell(draw_sheet(table, split="test", columns=2), 0, 0) == 90
    with pytest.raises(UsageError, match="unknown class 'angry'"):
        draw_sheet(table, label="angry")
    with pytest.raises(UsageError, match="unknown split 'dev': it is one of train, test"):
        draw_sheet(table, split="dev")
    with pytest.raises(UsageError, match="--columns 0: give a positive number"):
        draw_sheet(table, columns=0)


def test_lots_are_drawn_from_the_whole_table_by_the_seed(faces, make_table) -> None:
    rows = [replace(faces[0], path=str(number), label="fear") for number in range(200)]
    table = make_table(rows)
    drawn, count = draw_lots(table, 20)["fear"]
    assert (len(drawn), count) == (20, 200)
    assert max(int(record.path) for record in drawn) > 100
    assert draw_lots(table, 20)["fear"][0] == drawn
    assert draw_lots(table, 20, seed=1)["fear"][0] != drawn


def test_a_broken_picture_is_red(faces, make_table) -> None:
    sheet = draw_sheet(make_table([replace(faces[0], image=b"broken", label="fear")]))
    assert sheet.getpixel((LEGEND + CELL // 2, MARGIN + CELL // 2)) == (255, 0, 0)


def test_sheets_are_saved_as_what_their_name_says(tmp_path: Path) -> None:
    sheet = Image.new("RGB", (9, 9))
    save_sheet(sheet, tmp_path / "x.jpg")
    with Image.open(tmp_path / "x.jpg") as saved:
        assert saved.format == "JPEG"
    with pytest.raises(OutputError, match="exists already"):
        save_sheet(sheet, tmp_path / "x.jpg")
    with pytest.raises(UsageError, match=r"a sheet is saved as \.png"):
        save_sheet(sheet, tmp_path / "x.pdf")
