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
from mien.errors import OutputError


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
        DataError: the table is damaged.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise OutputError(f"{output}: exists and is not an empty folder; choose another --output")
    partial = output.with_name(f".{output.name}.{os.getpid()}.partial")
    try:
        with TableWriter(partial / SIDECAR, table.meta, shown=output / SIDECAR) as rows:
            for number, record in enumerate(track(table.records(), what="writing pictures", total=table.count)):
                _write_picture(partial, number, record)
                rows.write(replace(record, image=b""))
        if output.exists():
            output.rmdir()
        partial.rename(output)
    except OSError as error:
        raise OutputError(
            f"{output}: cannot be written ({error.strerror or error}); choose another --output"
        ) from error
    finally:
        if partial.exists():
            shutil.rmtree(partial)
    return rows.count


def _write_picture(output: Path, number: int, record: Record) -> None:
    folder = output if record.split == UNSPLIT else output / record.split
    folder = folder / (record.label or UNLABELLED)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{number:06d}_{Path(record.path).stem}{suffix_of(record.image)}").write_bytes(record.image)
