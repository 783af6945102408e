"""The layouts in which datasets of faces lie on people's disks, one small module each."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mien.data.problems import Problems
from mien.data.sources.canonical import open_canonical
from mien.data.sources.ck_plus import open_ck_plus
from mien.data.sources.face_or_other import open_face_or_other
from mien.data.sources.fer2013 import open_fer2013_parquet
from mien.data.sources.fer2013_csv import open_fer2013_csv
from mien.data.sources.ferplus import open_ferplus
from mien.data.sources.folders import open_folders
from mien.data.sources.huggingface import open_huggingface
from mien.data.sources.prefixed import open_prefixed
from mien.data.sources.raf_db import open_raf_db
from mien.data.sources.raf_ml import open_raf_ml
from mien.data.sources.source import Source, SourceOptions
from mien.errors import unknown_name


@dataclass(frozen=True)
class Layout:
    """A way in which datasets lie on disk.

    Attributes:
        name: as on the command line.
        about: what it looks like, in a line.
        open: finds the dataset and gives its rows.
    """

    name: str
    about: str
    open: Callable[[Path, SourceOptions, Problems], Source]


LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout("fer2013-csv", "fer2013.csv with the columns emotion, pixels, Usage", open_fer2013_csv),
        Layout("ferplus", "fer2013.csv and fer2013new.csv: FER-2013 with the votes of FER+", open_ferplus),
        Layout("fer2013-parquet", "FER-2013 with FER+ votes as one Parquet file", open_fer2013_parquet),
        Layout("folders", "a folder a class (angry, happiness, ...), with or without train/test above", open_folders),
        Layout("prefixed", "flat files named by class code: an_0.jpg, ha_12.png", open_prefixed),
        Layout("raf-db", "RAF-DB: list_patition_label.txt and aligned pictures, or train/1 to test/7", open_raf_db),
        Layout("raf-ml", "RAF-ML: distribution.txt, partition_label.txt and aligned pictures", open_raf_ml),
        Layout("ck+", "CK+: a folder a class, contempt included; subjects from the file names", open_ck_plus),
        Layout("face-or-other", "a folder faces and a folder other, or SOURCE and --other", open_face_or_other),
        Layout("table", "a table made by `mien data prepare`, to prepare it further", open_canonical),
        Layout("huggingface", "a local directory of Hugging Face datasets, or a name on the hub", open_huggingface),
    )
}
"""Every layout by its name."""


def layout(name: str) -> Layout:
    """Return a layout by its name.

    Raises:
        UsageError: there is no such layout.
    """
    if name not in LAYOUTS:
        raise unknown_name("layout", name, LAYOUTS)
    return LAYOUTS[name]
