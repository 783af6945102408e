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
from mien.errors import UsageError, unknown_name


@dataclass(frozen=True)
class Layout:
    """A way in which datasets lie on disk.

    Attributes:
        name: as on the command line.
        about: what it looks like, in a line.
        opener: finds the dataset and gives its rows.
        takes: the options that it has a use for.
    """

    name: str
    about: str
    opener: Callable[[Path, SourceOptions, Problems], Source]
    takes: tuple[str, ...] = ()

    def open(self, path: Path, options: SourceOptions, problems: Problems) -> Source:
        """Find the dataset, and give its rows.

        Args:
            path: the file or folder that holds it, or a hub name.
            options: those that the layout takes; the others as by default.
            problems: collects what cannot be used.

        Raises:
            UsageError: an option is given that says nothing about this layout.
            DataError: the dataset is not there, or is another one.
        """
        for option in options.given():
            if option not in self.takes:
                takers = ", ".join(each.name for each in LAYOUTS.values() if option in each.takes)
                raise UsageError(
                    f"--{option.replace('_', '-')}: layout {self.name} has no use for it, only {takers}; leave it out"
                )
        return self.opener(path, options, problems)


LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout("fer2013-csv", "fer2013.csv with the columns emotion, pixels, Usage", open_fer2013_csv),
        Layout(
            "ferplus",
            "fer2013.csv and fer2013new.csv: FER-2013 with the votes of FER+",
            open_ferplus,
            ("other", "rule", "at_least"),
        ),
        Layout("fer2013-parquet", "FER-2013 with FER+ votes as one Parquet file", open_fer2013_parquet),
        Layout(
            "folders",
            "a folder a class (angry, happiness, ...), with or without train/test above",
            open_folders,
            ("own_classes",),
        ),
        Layout("prefixed", "flat files named by class code: an_0.jpg, ha_12.png", open_prefixed),
        Layout("raf-db", "RAF-DB: list_patition_label.txt and aligned pictures, or train/1 to test/7", open_raf_db),
        Layout(
            "raf-ml", "RAF-ML: distribution.txt, partition_label.txt and aligned pictures", open_raf_ml, ("threshold",)
        ),
        Layout("ck+", "CK+: a folder a class, contempt included; subjects from the file names", open_ck_plus),
        Layout(
            "face-or-other", "a folder faces and a folder other, or SOURCE and --other", open_face_or_other, ("other",)
        ),
        Layout("table", "a table made by `mien data prepare`, to prepare it further", open_canonical),
        Layout(
            "huggingface",
            "a local directory of Hugging Face datasets, or a name on the hub",
            open_huggingface,
            ("hub_split",),
        ),
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
