"""Layout ``ck+``: class folders of CK+, contempt included; who is on the picture stands in its name.

    CK+/contempt/S138_008_00000009.png
    CK+/contempt/S138/008/S138_008_00000009.png    with folders of subjects and sequences, as in the original release

A name is the subject (S138), the sequence (008) and the frame (00000009), as in the original release; the class
folders are those of the widely used copies (CK+48: anger, contempt, disgust, fear, happy, sadness, surprise), with or
without neutral. Source: Lucey et al. 2010, "The Extended Cohn-Kanade Dataset (CK+)" (CVPR Workshops).
"""

import re
from dataclasses import replace
from pathlib import Path

from mien.data.problems import Problems
from mien.data.record import Record, TableMeta
from mien.data.sources.folders import open_folders
from mien.data.sources.source import Source, SourceOptions
from mien.labels import CK8

LICENSE = "research use under the agreement with its authors (Affect Analysis Group, University of Pittsburgh)"

NAME = re.compile(r"(S\d{3})_(\d{3})_(\d+)", re.IGNORECASE)


def open_ck_plus(path: Path, options: SourceOptions, problems: Problems) -> Source:
    """Open CK+.

    Args:
        path: the folder that holds the class folders.
        options: nothing of it is used.
        problems: collects unknown folders, broken pictures, and names without a subject.

    Raises:
        DataError: no such folder, or no class folder in it.
    """
    folders = open_folders(path, options, problems, deep=True)
    meta = TableMeta(label_set=CK8, license=LICENSE, layout="ck+")
    records = (_with_subject(record, path, problems) for record in folders.records)
    return Source(meta, folders.total, (record for record in records if record is not None))


def _with_subject(record: Record, root: Path, problems: Problems) -> Record | None:
    name = NAME.match(Path(record.path).name)
    if name is None:
        problems.add(str(root / record.path), "is not named like S138_008_00000009.png, its subject is not known")
        return None
    if record.label not in CK8.labels:
        problems.add(str(root / record.path), "is no class of CK+", str(record.label))
        return None
    return replace(record, subject=name[1].upper(), source="ck+")
