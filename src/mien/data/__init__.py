"""Data: whatever layout a dataset has on disk -> one checked table -> samples.

problems = Problems()
source = layout("folders").open(Path("data"), SourceOptions(), problems)
table = prepare(source, Path("data.parquet"), Preparation(), problems=problems)
findings = check_table(table)
samples = read_samples(Path("data.parquet"), spec=card.crop, splits=["train"])
"""

from mien.data.checks import Findings, check_table
from mien.data.duplicates import near_repeated_in
from mien.data.export_folders import export_folders
from mien.data.preparation import Preparation, prepare
from mien.data.problems import Problem, Problems
from mien.data.record import Record, Scaling, TableMeta
from mien.data.rewriting import merge_tables, split_by_duplicates, split_by_picture, split_by_subject, write_splits
from mien.data.samples import Samples, iterate_samples, read_samples
from mien.data.sources import LAYOUTS, Layout, layout
from mien.data.sources.source import Source, SourceOptions
from mien.data.table import Table, open_table
from mien.data.writing import TableWriter, write_table

__all__ = [
    "LAYOUTS",
    "Findings",
    "Layout",
    "Preparation",
    "Problem",
    "Problems",
    "Record",
    "Samples",
    "Scaling",
    "Source",
    "SourceOptions",
    "Table",
    "TableMeta",
    "TableWriter",
    "check_table",
    "export_folders",
    "iterate_samples",
    "layout",
    "merge_tables",
    "near_repeated_in",
    "open_table",
    "prepare",
    "read_samples",
    "split_by_duplicates",
    "split_by_picture",
    "split_by_subject",
    "write_splits",
    "write_table",
]
