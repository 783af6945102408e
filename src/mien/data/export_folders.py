"""A canonical table -> class folders, for tools that want those; layout ``folders`` reads them back without loss."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

from mien.data.encoding import suffix_of
from mien.data.progress import Track, silent
from mien.data.record import UNSPLIT, Record
from mien.data.sources.folders import SIDECAR, UNLABELLED
from mien.data.table import Table
from mien.data.writing import TableWriter
from mien.errors import DataError, OutputError


def export_folders(table: Table, output: Path, *, track: Track = silent) -> int:
    """Write every picture into ``output/split/label/``, its bytes as they are.

    Tables without splits get the class folders at the top. A file's name is the number of its row and the name of the
    picture; what folders cannot hold goes to ``mien-rows.parquet``.

    Args:
        table: what to write.
        output: a folder that does not exist or is empty.
        track: shows progress.

    Returns:
        The number of pictures.

    Raises:
        OutputError: the folder is not empty or cannot be written; nothing half-written is left behind.
        DataError: the table is damaged, or a split or label of it cannot be a folder.
    """
    _check_folder_names(table)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise OutputError(f"{output}: exists and is not an empty folder; choose another --output")
    place = output.resolve()  # "." has no name and nothing beside it
    partial = place.with_name(f".{place.name}.{os.getpid()}.partial")
    try:
        with TableWriter(partial / SIDECAR, table.meta, shown=output / SIDECAR) as rows:
            for number, record in enumerate(track(table.records(), what="writing pictures", total=table.count)):
                _write_picture(partial, number, record)
                rows.write(replace(record, image=b""))
        if place.exists():
            # The folder itself stays: somebody may stand in it. Its rows go first, so that what is missing can be told.
            for entry in sorted(partial.iterdir(), key=lambda entry: entry.name != SIDECAR):
                entry.rename(place / entry.name)
        else:
            partial.rename(place)
    except OSError as error:
        raise OutputError(
            f"{output}: cannot be written ({error.strerror or error}); choose another --output"
        ) from error
    finally:
        if partial.exists():
            shutil.rmtree(partial)
    return rows.count


def _check_folder_names(table: Table) -> None:
    rows = table.labels_and_splits()
    splits = dict.fromkeys(split for _, split, _ in rows)
    at_the_top = {label or UNLABELLED for label, split, _ in rows if split == UNSPLIT}
    for name in (*splits, *table.meta.label_set.labels):
        # A name with a slash or two dots would lead elsewhere, and hidden folders are passed over when they are read.
        if name != Path(name).name or name.startswith(".") or not name or (name in splits and name in at_the_top):
            raise DataError(
                f"{table.path}: {name!r} cannot be the name of the folder of its split or class; draw other splits "
                "with `mien data split`, or prepare the table again"
            )


def _write_picture(output: Path, number: int, record: Record) -> None:
    folder = output if record.split == UNSPLIT else output / record.split
    folder = folder / (record.label or UNLABELLED)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{number:06d}_{Path(record.path).stem}{suffix_of(record.image)}").write_bytes(record.image)
