"""Contact sheets: a row of pictures for each class, to see at a glance what a table holds."""

import random
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mien.data.progress import Track, silent
from mien.data.record import Record
from mien.data.table import Table
from mien.errors import PictureError, UsageError, unknown_name
from mien.files import save_picture
from mien.inference.image import read_picture

CELL = 72
MARGIN = 4
LEGEND = 150
NO_LABEL = "(no label)"


def draw_sheet(
    table: Table,
    *,
    columns: int = 12,
    label: str | None = None,
    split: str | None = None,
    seed: int = 0,
    track: Track = silent,
) -> Image.Image:
    """Draw random pictures of each class.

    Args:
        table: where they come from.
        columns: pictures a row.
        label: only this class, on a square sheet of columns x columns pictures; None for a row of each class.
        split: only this split; None for all.
        seed: the same seed gives the same pictures.
        track: shows progress.

    Raises:
        UsageError: the table has no such class or split, or `columns` is no positive number.
    """
    if columns < 1:
        raise UsageError(f"--columns {columns}: give a positive number, such as 12")
    if label is not None and label not in table.meta.label_set.labels:
        raise unknown_name("class", label, table.meta.label_set.labels)
    if split is not None and split not in table.split_counts():
        raise unknown_name("split", split, table.split_counts())
    drawn = draw_lots(table, columns if label is None else columns * columns, split=split, seed=seed, track=track)
    if label is not None:
        chosen, count = drawn.get(label, ([], 0))
        rows = [chosen[start : start + columns] for start in range(0, len(chosen), columns)]
        return _draw([(f"{label}\n{count:,}" if row is rows[0] else "", row) for row in rows], columns)
    order = [name for name in (*table.meta.label_set.labels, NO_LABEL) if name in drawn]
    return _draw([(f"{name}\n{drawn[name][1]:,}", drawn[name][0]) for name in order], columns)


def draw_lots(
    table: Table, count: int, *, split: str | None = None, seed: int = 0, track: Track = silent
) -> dict[str, tuple[list[Record], int]]:
    """Return for each class some of its rows, drawn at random, and how many it has in all.

    One pass over the table; only the rows that are drawn stay in memory (reservoir sampling).
    """
    lots = random.Random(seed)
    chosen: dict[str, list[Record]] = {}
    seen: dict[str, int] = {}
    rows = table.records(splits=None if split is None else [split])
    for record in track(rows, what="drawing pictures", total=table.count):
        name = record.label or NO_LABEL
        seen[name] = seen.get(name, 0) + 1
        kept = chosen.setdefault(name, [])
        if len(kept) < count:
            kept.append(record)
        elif (place := lots.randrange(seen[name])) < count:
            kept[place] = record
    return {name: (kept, seen[name]) for name, kept in chosen.items()}


def save_sheet(sheet: Image.Image, path: Path, *, overwrite: bool = False) -> None:
    """Save a sheet as a picture, of the kind that the file's name says.

    Raises:
        UsageError: the name ends like no picture.
        OutputError: the file exists or cannot be written.
    """
    endings = (".png", ".jpg", ".jpeg", ".webp")
    if path.suffix.lower() not in endings:
        raise UsageError(f"{path}: a sheet is saved as {', '.join(endings)}; choose such a name with --output")
    save_picture(sheet, path, overwrite=overwrite)


def pictures_at(table: Table, positions: Collection[int]) -> dict[int, Record]:
    """Return some rows of a table by their positions."""
    wanted = set(positions)
    return {number: record for number, record in enumerate(table.records()) if number in wanted}


def _draw(rows: Sequence[tuple[str, Iterable[Record]]], columns: int) -> Image.Image:
    step = CELL + MARGIN
    sheet = Image.new("RGB", (LEGEND + columns * step + MARGIN, max(len(rows), 1) * step + MARGIN), "white")
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=18)
    for number, (text, records) in enumerate(rows):
        top = MARGIN + number * step
        pen.multiline_text((2 * MARGIN, top + CELL // 2), text, fill="black", font=font, anchor="lm", spacing=6)
        for column, record in enumerate(records):
            sheet.paste(_thumbnail(record), (LEGEND + column * step, top))
    return sheet


def _thumbnail(record: Record) -> Image.Image:
    try:
        picture = Image.fromarray(np.asarray(read_picture(record.image)))
    except PictureError:
        # A sheet is for looking: a broken picture is shown as what it is.
        return Image.new("RGB", (CELL, CELL), "red")
    picture.thumbnail((CELL, CELL))
    if max(picture.size) < CELL:
        scale = CELL / max(picture.size)
        picture = picture.resize((round(picture.width * scale), round(picture.height * scale)))
    cell = Image.new("RGB", (CELL, CELL), "white")
    cell.paste(picture, ((CELL - picture.width) // 2, (CELL - picture.height) // 2))
    return cell
