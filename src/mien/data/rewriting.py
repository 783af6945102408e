"""Tables made of tables: split anew, merged, freed of duplicates, with a scaling in their metadata."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mien.data.checks import Findings
from mien.data.progress import Track, silent
from mien.data.record import Record, TableMeta, named_apart
from mien.data.scaling import fit_scaling
from mien.data.splits import EIGHTY_TEN_TEN, grouped_split, stratified_split
from mien.data.table import Table, open_table
from mien.data.writing import write_table
from mien.errors import DataError, UsageError
from mien.labels import LABEL_SETS, LabelSet


def split_by_picture(table: Table, *, seed: int, shares: Mapping[str, float] = EIGHTY_TEN_TEN) -> list[str]:
    """Return a split for each row, every class with the same shares in each.

    Raises:
        UsageError: the classes are so small that a split stays empty.
    """
    return stratified_split([label for label, _, _ in table.labels_and_splits()], seed=seed, shares=shares)


def split_by_subject(table: Table, *, seed: int, shares: Mapping[str, float] = EIGHTY_TEN_TEN) -> list[str]:
    """Return a split for each row so that nobody is in two of them.

    Raises:
        DataError: the subject of a picture is not known.
    """
    rows = table.labels_and_splits()
    unknown = sum(subject is None for _, _, subject in rows)
    if unknown:
        raise DataError(
            f"{table.path}: nobody knows who is on {unknown} of {len(rows)} pictures, so they cannot be kept apart by "
            "subject; split with --together duplicates, or --together picture"
        )
    return grouped_split([label for label, _, _ in rows], [subject for _, _, subject in rows], seed=seed, shares=shares)


def split_by_duplicates(findings: Findings, *, seed: int, shares: Mapping[str, float] = EIGHTY_TEN_TEN) -> list[str]:
    """Return a split for each row so that no picture has a near duplicate in another split."""
    groups = list(range(len(findings.rows)))
    for group in findings.duplicates.near:
        for member in group:
            groups[member] = group[0]
    return grouped_split([row.label for row in findings.rows], groups, seed=seed, shares=shares)


def write_splits(
    table: Table, splits: Sequence[str], output: Path, *, how: str, overwrite: bool = False, track: Track = silent
) -> Table:
    """Write a table again with other splits.

    Args:
        table: what to write.
        splits: the split of each row.
        output: the Parquet file to make.
        how: how the splits were drawn, for the metadata.
        overwrite: whether `output` may be replaced.
        track: shows progress.

    Raises:
        OutputError: the file exists or cannot be written.
    """
    meta = replace(table.meta, preparation=(*table.meta.preparation, how), scaling=None)
    rows = track(zip(table.records(), splits, strict=True), what="writing pictures", total=table.count)
    write_table(output, meta, (replace(record, split=split) for record, split in rows), overwrite=overwrite)
    return open_table(output)


def merge_tables(
    tables: Sequence[Table],
    output: Path,
    *,
    labels: LabelSet | None = None,
    overwrite: bool = False,
    track: Track = silent,
) -> tuple[Table, int]:
    """Write several tables as one; a name that an earlier row has gets its dataset in front (see `named_apart`).

    Args:
        tables: what to merge, in this order.
        output: the Parquet file to make.
        labels: the label set of the result; rows with another label are left out. None where one of the tables' label
            sets holds the labels of all.
        overwrite: whether `output` may be replaced.
        track: shows progress.

    Returns:
        The table, and the number of rows that were left out because of their label.

    Raises:
        UsageError: no label set is given and the tables' differ, or the one that is given fits no row.
        OutputError: the file exists or cannot be written.
    """
    target = labels or _common_labels(tables)
    votes = tuple(dict.fromkeys(name for table in tables for name in table.meta.votes))
    meta = TableMeta(
        label_set=target,
        license="; ".join(dict.fromkeys(table.meta.license for table in tables)),
        layout="merged",
        votes=votes,
        preparation=_common_preparation(tables, labels),
        present_set=_common_present(tables, target),
    )
    total = sum(table.count for table in tables)
    rows = track(named_apart(_fitted(tables, meta)), what="writing pictures", total=total)
    count = write_table(output, meta, rows, overwrite=overwrite)
    return open_table(output), total - count


def drop_duplicates(table: Table, findings: Findings, output: Path, *, near: bool, shown: Path | None = None) -> int:
    """Write a table again with one picture of each group of duplicates (see `Duplicates.repeats`).

    Args:
        table: what to filter.
        findings: of `check_table` on that table.
        output: the Parquet file to make; it is replaced where it exists.
        near: whether near duplicates go, too.
        shown: the name for errors, where `output` is a temporary file.

    Returns:
        The number of pictures that were left out.

    Raises:
        OutputError: the file cannot be written.
    """
    gone = findings.duplicates.repeats([row.split for row in findings.rows], near=near)
    done = f"without {len(gone)} {'exact and near' if near else 'exact'} duplicates"
    meta = replace(table.meta, preparation=(*table.meta.preparation, done))
    kept = (row for number, row in enumerate(table.records()) if number not in gone)
    write_table(output, meta, kept, overwrite=True, shown=shown)
    return len(gone)


def store_scaling(table: Table, split: str, output: Path, *, shown: Path | None = None, track: Track = silent) -> Table:
    """Write a table again with min-max scaling fitted on one split in its metadata; the pictures stay as they are.

    Args:
        table: what to write.
        split: what to fit on.
        output: the Parquet file to make; it is replaced where it exists.
        shown: the name for errors, where `output` is a temporary file.
        track: shows progress.

    Raises:
        UsageError: the table has no such split.
        OutputError: the file cannot be written.
    """
    meta = replace(table.meta, scaling=fit_scaling(table, split, track=track))
    write_table(output, meta, table.records(), overwrite=True, shown=shown)
    return open_table(output)


def drop_scaling(table: Table, output: Path, *, shown: Path | None = None) -> None:
    """Write a table again without the scaling in its metadata.

    Args:
        table: what to write.
        output: the Parquet file to make; it is replaced where it exists.
        shown: the name for errors, where `output` is a temporary file.

    Raises:
        OutputError: the file cannot be written.
    """
    write_table(output, replace(table.meta, scaling=None), table.records(), overwrite=True, shown=shown)


def without(labels: LabelSet, dropped: Sequence[str]) -> LabelSet:
    """Return a label set without some labels, in the same order, under a name that says so.

    Raises:
        UsageError: no label would be left.
    """
    left = tuple(label for label in labels.labels if label not in dropped)
    if not left:
        raise UsageError(f"dropping {', '.join(dropped)} leaves no class of {labels.name}; drop fewer")
    if left == labels.labels:
        return labels
    return LabelSet("-".join((labels.name, "without", *(label for label in labels.labels if label in dropped))), left)


def _common_labels(tables: Sequence[Table]) -> LabelSet:
    everything = {label for table in tables for label in table.meta.label_set.labels}
    for table in tables:
        if everything <= set(table.meta.label_set.labels):
            return table.meta.label_set
    given = "; ".join(f"{table.path.name}: {', '.join(table.meta.label_set.labels)}" for table in tables)
    known = {label for labels in LABEL_SETS.values() for label in labels.labels}
    if own := sorted(everything - known):
        raise UsageError(
            f"the label sets differ ({given}), and no --labels has {own[0]!r}: put the folders of all into one and "
            "prepare it with --layout folders --own-classes, or leave classes out with `mien data prepare TABLE "
            "--layout table --drop CLASS` until one table has those of all"
        )
    raise UsageError(f"the label sets differ ({given}): choose one with --labels, rows with other labels are left out")


def _common_preparation(tables: Sequence[Table], labels: LabelSet | None) -> tuple[str, ...]:
    before = [f"{table.path.name}: {step}" for table in tables for step in table.meta.preparation]
    merged = f"merged {' + '.join(table.path.name for table in tables)}"
    return (*before, merged if labels is None else f"{merged}, labels of {labels.name} only")


def _common_present(tables: Sequence[Table], target: LabelSet) -> LabelSet | None:
    sets = list(dict.fromkeys(table.meta.multi_set for table in tables))
    if len(sets) == 1:
        return sets[0]
    names = tuple(dict.fromkeys((*target.labels, *(name for labels in sets for name in labels.labels))))
    return LabelSet(f"{target.name}-and-more", names)


def _fitted(tables: Sequence[Table], meta: TableMeta) -> Iterator[Record]:
    fits = False
    for table in tables:
        order = [table.meta.votes.index(name) if name in table.meta.votes else None for name in meta.votes]
        for record in table.records():
            if record.label is not None and record.label not in meta.label_set.labels:
                continue
            given = record.votes
            votes = given and tuple(None if index is None else given[index] for index in order)
            fits = True
            yield replace(record, votes=votes)
    if not fits:
        raise UsageError(
            f"not one picture of {', '.join(table.path.name for table in tables)} has a label of "
            f"{meta.label_set.name} ({', '.join(meta.label_set.labels)}); choose another --labels"
        )
