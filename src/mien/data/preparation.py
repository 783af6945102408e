"""A dataset in any layout -> a canonical table, with what is usually done by hand on the way."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.data.checks import check_table
from mien.data.encoding import encode_png
from mien.data.problems import Problems
from mien.data.progress import Track, silent
from mien.data.record import Record, TableMeta
from mien.data.rewriting import drop_duplicates, drop_scaling, store_scaling, without
from mien.data.sources.source import Source
from mien.data.table import Table, open_table
from mien.data.writing import write_table
from mien.errors import DataError, UsageError, unknown_name
from mien.files import written_whole
from mien.inference.image import read_picture

MAX_SIZE = 4096
"""More pixels a side than any network takes; a typing error would fill the memory."""


@dataclass(frozen=True)
class Preparation:
    """What is done to the pictures of a dataset; by default nothing, and their bytes stay as they are.

    Attributes:
        gray: make every picture gray (ITU-R 601 luma, one channel).
        size: make every picture a square of so many pixels: its central square, resized; None to leave it.
        drop: classes to leave out.
        license: licence of the dataset, None for what its layout says.
        limit: take only the first so many rows of each split, None for all.
        duplicates: which duplicates to leave out: None for none, ``"exact"`` or ``"near"``.
        scale_on: the split to fit min-max scaling on, None for no scaling.
    """

    gray: bool = False
    size: int | None = None
    drop: tuple[str, ...] = ()
    license: str | None = None
    limit: int | None = None
    duplicates: Literal["exact", "near"] | None = None
    scale_on: str | None = None


def prepare(
    source: Source,
    output: Path,
    preparation: Preparation,
    *,
    problems: Problems,
    overwrite: bool = False,
    track: Track = silent,
) -> Table:
    """Write a dataset as a canonical table.

    Args:
        source: from one of `mien.data.sources.LAYOUTS`.
        output: the Parquet file to make.
        preparation: what to do on the way.
        problems: the collection that the source was opened with.
        overwrite: whether `output` may be replaced.
        track: shows progress.

    Returns:
        The table, opened.

    Raises:
        DataError: not a single row can be used, or the first problem when strict.
        UsageError: a class to drop is not among the labels, or the size is impossible.
        OutputError: the file exists or cannot be written; nothing is left behind.
    """
    meta = prepared_meta(source.meta, preparation)
    rows = track(source.records, what="reading pictures", total=source.total)
    records = _not_empty(prepared(rows, preparation), source, problems)
    with written_whole(output, overwrite=overwrite) as partial:
        count = write_table(partial, meta, records, overwrite=True, shown=output)
        if meta.scaling is not None and count != source.total:
            drop_scaling(open_table(partial), partial, shown=output)  # a picture that it was fitted on was left out
        if preparation.duplicates is not None:
            first = open_table(partial)
            near = preparation.duplicates == "near"
            drop_duplicates(first, check_table(first, track=track), partial, near=near, shown=output)
        if preparation.scale_on is not None:
            store_scaling(open_table(partial), preparation.scale_on, partial, shown=output, track=track)
    return open_table(output)


def prepared_meta(meta: TableMeta, preparation: Preparation) -> TableMeta:
    """Return what the table says about itself after the preparation.

    Raises:
        UsageError: a class to drop is not among the labels, or none would be left, or the size is impossible.
    """
    for label in preparation.drop:
        if label not in meta.label_set.labels:
            raise unknown_name("class to drop", label, meta.label_set.labels)
    if preparation.size is not None and preparation.size < 1:
        raise UsageError(f"--size {preparation.size}: a picture needs at least 1 pixel; the shipped model takes 48")
    if preparation.size is not None and preparation.size > MAX_SIZE:
        raise UsageError(
            f"--size {preparation.size}: a side has at most {MAX_SIZE} pixels here; the shipped model takes 48"
        )
    changes = (preparation.gray, preparation.size, preparation.drop, preparation.limit, preparation.duplicates)
    done = [*meta.preparation]
    done += ["gray"] if preparation.gray else []
    done += [f"size {preparation.size}"] if preparation.size else []
    done += [f"without {label}" for label in preparation.drop]
    done += [f"limit {preparation.limit}"] if preparation.limit is not None else []
    return replace(
        meta,
        label_set=without(meta.label_set, preparation.drop),
        present_set=meta.present_set and without(meta.present_set, preparation.drop),
        license=preparation.license or meta.license,
        preparation=tuple(done),
        # It was fitted on the pixels of rows that are others now.
        scaling=None if any(changes) else meta.scaling,
    )


def prepared(records: Iterator[Record], preparation: Preparation) -> Iterator[Record]:
    """Yield records with the preparation done; a picture that needs no change keeps its bytes."""
    seen: Counter[str] = Counter()
    for record in records:
        if record.label in preparation.drop:
            continue
        if preparation.limit is not None and seen[record.split] >= preparation.limit:
            continue
        seen[record.split] += 1
        labels = record.labels and tuple(label for label in record.labels if label not in preparation.drop)
        yield replace(record, image=_image(record.image, preparation), labels=labels)


def _image(content: bytes, preparation: Preparation) -> bytes:
    if not preparation.gray and preparation.size is None:
        return content
    picture: NDArray[np.uint8] = read_picture(content)
    height, width = picture.shape[:2]
    fits = preparation.size is None or (height, width) == (preparation.size, preparation.size)
    if fits and (not preparation.gray or _has_one_channel(content, picture)):
        return content
    if preparation.size is not None and not fits:
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square = picture[top : top + side, left : left + side]
        # Averaging when it gets smaller keeps fine lines from flickering; interpolating when it gets larger.
        how = cv2.INTER_AREA if side > preparation.size else cv2.INTER_LINEAR
        picture = np.asarray(cv2.resize(square, (preparation.size, preparation.size), interpolation=how), np.uint8)
    if preparation.gray:
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    return encode_png(picture)


def _has_one_channel(content: bytes, picture: NDArray[np.uint8]) -> bool:
    if not (picture[..., :1] == picture).all():
        return False
    stored = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    return stored is not None and stored.ndim == 2 and stored.dtype == np.uint8


def _not_empty(records: Iterator[Record], source: Source, problems: Problems) -> Iterator[Record]:
    empty = True
    for record in records:
        empty = False
        yield record
    if empty:
        first = f"; the first of {len(problems)} problems: {problems.found[0]}" if problems.found else ""
        raise DataError(f"not one picture can be used as layout {source.meta.layout}{first}; choose another --layout")
