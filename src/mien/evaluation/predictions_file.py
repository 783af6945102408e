"""Predictions -> a file and back, so that they can be scored again without a model; and those of other tools."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data.samples import Samples
from mien.data.votes import VOTE_COLUMNS
from mien.errors import DataError, import_extra
from mien.evaluation.predictions import Predictions, beside_truth, check_scores, row_by_id
from mien.evaluation.truths import truth_of
from mien.files import in_utf8, written_whole
from mien.labels import LABEL_SETS, spelled_label
from mien.model_card import Head, Task

META_KEY = b"mien_predictions"
META_VERSION = 1
FACTS = ("model", "sha256", "head", "truth", "data", "split", "task", "temperature", "unsure_below", "unsure_error")
"""What the metadata says, besides labels, thresholds and the power of the entropy; fields of `Predictions`."""

SCORE, TARGET, VOTE, GROUP = "p_", "target_", "votes_", "group_"
ID_COLUMNS = ("id", "path", "picture", "image", "file", "filename")
"""How a CSV may call the column with the names of the pictures, in any case."""


def write_predictions(predictions: Predictions, path: Path) -> None:
    """Write predictions as Parquet, whole or not at all.

    Columns: ``id``; ``target`` with the name of the right label, or for several labels ``target_<label>`` with true and
    false; ``p_<label>``, the probabilities, not rounded; ``votes_<name>`` where there are votes; ``group_<name>``. The
    rest is metadata.

    Raises:
        MissingExtraError: pyarrow is not installed.
        OutputError: the file cannot be written.
    """
    arrow, parquet = _pyarrow()
    columns: dict[str, Any] = {"id": predictions.ids.tolist()}
    if predictions.task == "single":
        columns["target"] = [predictions.labels[code] for code in predictions.targets]
    else:
        columns |= {TARGET + label: predictions.targets[:, n] for n, label in enumerate(predictions.labels)}
    columns |= {SCORE + label: predictions.scores[:, n] for n, label in enumerate(predictions.labels)}
    if predictions.votes is not None:
        columns |= {VOTE + name: predictions.votes[:, n] for n, name in enumerate(VOTE_COLUMNS)}
    columns |= {GROUP + name: values.tolist() for name, values in predictions.groups.items()}
    meta = {"version": META_VERSION, "labels": predictions.labels, "thresholds": predictions.thresholds}
    meta["entropy_power"] = predictions.entropy_power
    meta |= {name: getattr(predictions, name) for name in FACTS}
    table = arrow.table(columns).replace_schema_metadata({META_KEY: json.dumps(meta)})
    with written_whole(path) as temporary:
        parquet.write_table(table, temporary)


def read_predictions(path: Path) -> Predictions:
    """Read what `write_predictions` wrote.

    Raises:
        DataError: no such file, not such a file, its probabilities are none, or names of pictures repeat.
        MissingExtraError: pyarrow is not installed.
    """
    _, parquet = _pyarrow()
    if not path.is_file():
        raise DataError(f"{path}: no such file; `mien evaluate MODEL DATA --output DIR` writes predictions.parquet")
    try:
        table = parquet.read_table(path)
        given = (table.schema.metadata or {}).get(META_KEY)
        if given is None:
            raise DataError(
                f"{path}: holds no predictions of mien's; give the predictions.parquet of `mien evaluate`. If it holds "
                f"labelled pictures, say whose answers to score: mien evaluate MODEL {path}"
            )
        meta = json.loads(given)
        if meta["version"] != META_VERSION:
            raise DataError(
                f"{path}: its predictions are version {meta['version']}, this mien reads version {META_VERSION}; "
                "upgrade mien, or evaluate again"
            )
        labels = tuple(meta["labels"])
        missing = [SCORE + label for label in labels if SCORE + label not in table.column_names]
        if missing:
            raise DataError(f"{path}: column {missing[0]!r} is missing; write the file again with `mien evaluate`")
        ids = np.array(table["id"].to_pylist(), np.str_)
        row_by_id(ids, source=str(path))
        return Predictions(
            ids=ids,
            targets=_targets(table, labels, meta["task"]),
            scores=_columns(table, [SCORE + label for label in labels], np.float64),
            labels=labels,
            thresholds=None if meta["thresholds"] is None else tuple(meta["thresholds"]),
            votes=_columns(table, [VOTE + name for name in VOTE_COLUMNS], np.float32)
            if VOTE + VOTE_COLUMNS[0] in table.column_names
            else None,
            groups={
                name.removeprefix(GROUP): np.array(table[name].to_pylist(), np.str_)
                for name in table.column_names
                if name.startswith(GROUP)
            },
            entropy_power=meta.get("entropy_power", 0.0),  # older files have none
            **{name: meta[name] for name in FACTS},
        )
    except DataError as error:
        raise DataError(str(error) if str(error).startswith(str(path)) else f"{path}: {error}") from error
    except Exception as error:  # pyarrow's errors have no common base
        raise DataError(
            f"{path}: holds no predictions of mien's ({error}); give the predictions.parquet of `mien evaluate`, or "
            "a .csv of ids and probabilities together with the labelled data"
        ) from error


def read_foreign_predictions(
    path: Path, samples: Samples, *, task: Task = "single", truth: str | None = None, data: str = ""
) -> Predictions:
    """Read a CSV of ids and probabilities that another tool wrote, and put the truth beside.

    One column with the names of the pictures (`ID_COLUMNS`), one for each label, in any order and in any spelling that
    mien knows, with or without ``p_``; other columns are passed over. Rows of other pictures are too.

    Args:
        path: the CSV file.
        samples: the labelled pictures; each that has a truth needs a row.
        task: ``"single"`` (rows sum to one) or ``"multi"``.
        truth: see `mien.evaluation.truths.Truth.name`; None takes the default of the labels.
        data: name of the data file.

    Raises:
        DataError: no such file, no column of ids, labels that belong to no label set or are doubled, a picture without
            or with two rows, a row without a name, probabilities that are none, or samples whose names repeat.
        UsageError: the data has no such truth for these labels.
    """
    header, rows = _read_csv(path)
    id_column = next((n for n, name in enumerate(header) if name.strip().casefold() in ID_COLUMNS), None)
    if id_column is None:
        raise DataError(
            f"{path}: has no column of picture names; call it id. There are {', '.join(header)}; "
            f"names that are known: {', '.join(ID_COLUMNS)}"
        )
    found = {n: spelled_label(name.strip().removeprefix(SCORE)) for n, name in enumerate(header)}
    columns = {n: label for n, label in found.items() if label is not None and n != id_column}
    labels = tuple(columns.values())
    head = Head(_label_set_name(path, labels), task, labels)
    right = truth_of(head, samples, truth)
    wanted = samples.ids[right.known]
    by_id: dict[str, list[str]] = {}
    known = row_by_id(wanted, source=data or "the labelled data")
    for row in rows:
        if len(row) <= id_column:
            raise DataError(
                f"{path}: the row {','.join(row)!r} ends before the column {header[id_column]}; give every row "
                f"{len(header)} columns, as the heading has"
            )
        name = row[id_column]
        if name in by_id:
            raise DataError(f"{path}: picture {name} has two rows; leave one of them out")
        if name in known:
            by_id[name] = row
    missing = [name for name in wanted.tolist() if name not in by_id]
    if missing:
        raise DataError(
            f"{path}: {len(missing)} of the {len(wanted)} labelled pictures have no row, the first is {missing[0]}; "
            "score every picture of the split (its ids are those of the data file)"
        )
    try:
        scores = np.array([[float(by_id[name][n]) for n in columns] for name in wanted.tolist()], np.float64)
    except (ValueError, IndexError) as error:
        raise DataError(f"{path}: a probability is no number ({error}); give numbers from 0 to 1") from error
    check_scores(scores, labels, task=task, ids=wanted, source=str(path))
    return beside_truth(samples, head, scores, truth=truth, model=in_utf8(path.stem), data=data)


def _read_csv(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header, *rows = [row for row in csv.reader(file) if row]
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); give a .csv of ids and probabilities") from error
    except csv.Error as error:
        raise DataError(f"{path}: cannot be read as CSV ({error}); is a quote in it not closed?") from error
    except ValueError as error:  # an empty file, or bytes that are no text
        raise DataError(f"{path}: is no CSV with a heading; give one column of ids and one for each label") from error
    return header, rows


def _label_set_name(path: Path, labels: tuple[str, ...]) -> str:
    doubled = [label for label in labels if labels.count(label) > 1]
    if doubled:
        raise DataError(f"{path}: two columns stand for {doubled[0]}; leave one of them out")
    for known in LABEL_SETS.values():
        if set(known.labels) == set(labels):
            return known.name
    nearest = max(LABEL_SETS.values(), key=lambda known: len(set(labels) & set(known.labels)) - 0.1 * len(known))
    lacking = [label for label in nearest.labels if label not in labels]
    extra = [label for label in labels if label not in nearest.labels]
    differs = " and ".join(f"{verb} {', '.join(names)}" for verb, names in (("lack", lacking), ("add", extra)) if names)
    raise DataError(
        f"{path}: its columns {', '.join(labels) or 'name no label'} are no label set; nearest is {nearest.name}, of "
        f"which they {differs}: give one column for each label"
    )


def _targets(table: Any, labels: tuple[str, ...], task: Task) -> NDArray[np.int64] | NDArray[np.bool_]:
    if task == "single":
        return np.array([labels.index(name) for name in table["target"].to_pylist()], np.int64)
    return _columns(table, [TARGET + label for label in labels], np.bool_)


def _columns(table: Any, names: list[str], kind: type[np.generic]) -> NDArray[Any]:
    return np.stack([np.asarray(table[name].to_numpy(), kind) for name in names], axis=1)


def _pyarrow() -> tuple[Any, Any]:
    purpose = "a file of predictions"
    return (
        import_extra("pyarrow", extra="evaluate", purpose=purpose),
        import_extra("pyarrow.parquet", extra="evaluate", purpose=purpose),
    )
