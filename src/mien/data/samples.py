"""Labelled faces in memory, ready for a network: what every table becomes."""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data.record import Record, TableMeta
from mien.data.table import Table, open_table
from mien.data.votes import MISSING, VOTE_COLUMNS
from mien.errors import DataError, PictureError
from mien.inference.crops import crop_whole
from mien.inference.image import read_picture
from mien.labels import FACE2, FER7, LabelSet
from mien.model_card import CropSpec


@dataclass(frozen=True, eq=False)
class Samples:
    """Faces with their labels.

    Attributes:
        ids: (n,) names of the pictures, unique within their dataset.
        crops: (n, channels, size, size) uint8, as `mien.inference.crops.crop_faces` makes them.
        fer7: (n,) int64, index into `mien.labels.FER7`; `mien.data.votes.MISSING` for other labels and for none.
        votes: (n, 10) float32, counts in the order of `mien.data.votes.VOTE_COLUMNS`; NaN rows where there are none.
        split: (n,) names of the splits.
        codes: (n,) int64, index into the table's own label set, `MISSING` where there is no label.
        present: (n, labels) bool, every label that applies, in the order of the table's label set for several labels;
            rows of False where nobody asked, see `asked`.
        meta: what the table says about itself.
        asked: (n,) bool, whether somebody said which labels apply, if only that none does; goes with `present`.
    """

    ids: NDArray[np.str_]
    crops: NDArray[np.uint8]
    fer7: NDArray[np.int64]
    votes: NDArray[np.float32]
    split: NDArray[np.str_]
    codes: NDArray[np.int64]
    present: NDArray[np.bool_]
    meta: TableMeta
    asked: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, index: NDArray[np.bool_] | NDArray[np.int64]) -> "Samples":
        """Return the samples at these positions, or where a mask is true."""
        return replace(self, **{name: values[index] for name, values in self._columns().items()})

    @classmethod
    def joined(cls, parts: Sequence["Samples"]) -> "Samples":
        """Return parts of one table, at least one, as a whole."""
        columns = [part._columns() for part in parts]
        whole: dict[str, Any] = {name: np.concatenate([part[name] for part in columns]) for name in columns[0]}
        return replace(parts[0], **whole)

    def digest_of_names(self) -> str:
        """Return `digest_of_names` of the pictures."""
        return digest_of_names(self.ids.tolist())

    def face_codes(self) -> NDArray[np.int64] | None:
        """Return which pictures are faces: 1 a face, 0 something else, `mien.data.votes.MISSING` where that is open.

        A table of `FACE2` says so itself. In one of `FERPLUS10` what is labelled not_face is something else and all
        other labels are faces; where there are votes, faces that two or more annotators call none are left open, and so
        are pictures with an emotion that FER+ dropped, which mostly are none. What is labelled unknown without votes is
        a face of which nothing else is told.

        Returns:
            (n,) int64; None where the table's labels do not tell.
        """
        labels = self.meta.label_set
        if labels == FACE2:
            return np.where(self.codes == MISSING, MISSING, self.codes == FACE2.index("face")).astype(np.int64)
        if "not_face" not in labels.labels:
            return None
        other = self.codes == labels.index("not_face")
        doubted = self.votes[:, VOTE_COLUMNS.index("not_face")] >= 2
        if self.meta.votes == VOTE_COLUMNS:
            doubted |= np.isnan(self.votes[:, 0]) & (self.codes != labels.index("unknown"))
        open_ = (self.codes == MISSING) | doubted
        return np.where(other, 0, np.where(open_, MISSING, 1)).astype(np.int64)

    def of_split(self, name: str) -> "Samples":
        """Return the samples of one split.

        Raises:
            DataError: there is no such split here.
        """
        chosen = self.split == name
        if not chosen.any():
            raise DataError(f"no pictures of split {name!r}: there are {', '.join(sorted(set(self.split.tolist())))}")
        return self.take(chosen)

    def _columns(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "meta"}


def digest_of_names(names: Sequence[str]) -> str:
    """Return the SHA-256 of names of pictures, in their order, as 64 hexadecimal digits."""
    return hashlib.sha256("\0".join(names).encode("utf-8", "surrogatepass")).hexdigest()


def read_samples(path: Path, *, spec: CropSpec, splits: Collection[str] | None = None) -> Samples:
    """Read a canonical table, or FER-2013's Parquet file, into memory.

    Args:
        path: the Parquet file.
        spec: size and colour of the crops to make.
        splits: which splits to read; None for all.

    Raises:
        DataError: not such a file, a column is missing, there are no rows of these splits, a label is out of range, or
            a picture is damaged.
        MissingExtraError: pyarrow is not installed.
    """
    parts = list(iterate_samples(path, spec=spec, splits=splits))
    if not parts:
        there = ", ".join(open_table(path).split_counts()) or "no rows"
        raise DataError(f"{path}: has no pictures of split {', '.join(splits or ())}: there are {there}")
    return Samples.joined(parts)


def iterate_samples(path: Path, *, spec: CropSpec, splits: Collection[str] | None = None) -> Iterator[Samples]:
    """Yield the samples of one row group after the other, so that a table larger than memory can be used.

    Row groups without a row of these splits are passed over.

    Args:
        path: the Parquet file.
        spec: size and colour of the crops to make.
        splits: which splits to read; None for all.

    Raises:
        DataError: see `read_samples`.
    """
    table = open_table(path)
    for records in table.groups(splits=splits):
        if records:
            yield samples_of(records, table, spec)


def samples_of(records: list[Record], table: Table, spec: CropSpec) -> Samples:
    """Return rows of a table as samples.

    Raises:
        DataError: a picture is damaged.
    """
    crops = np.empty((len(records), spec.channels, spec.size, spec.size), np.uint8)
    for crop, record in zip(crops, records, strict=True):
        try:
            crop[:] = crop_whole(read_picture(record.image), spec)[0]
        except PictureError as error:
            raise DataError(f"{table.path}: picture {record.path}: {error}") from error
    meta = table.meta
    present = [[label in (record.labels or ()) for label in meta.multi_set.labels] for record in records]
    return Samples(
        ids=np.array([record.path for record in records], np.str_),
        crops=crops,
        fer7=_codes(records, FER7),
        votes=_votes(records, meta),
        split=np.array([record.split for record in records], np.str_),
        codes=_codes(records, meta.label_set),
        present=np.array(present, bool),
        meta=meta,
        asked=np.array([record.labels is not None for record in records], bool),
    )


def _codes(records: list[Record], labels: LabelSet) -> NDArray[np.int64]:
    index = {label: code for code, label in enumerate(labels.labels)}
    return np.array([index.get(record.label or "", MISSING) for record in records], np.int64)


def _votes(records: list[Record], meta: TableMeta) -> NDArray[np.float32]:
    votes = np.full((len(records), len(VOTE_COLUMNS)), np.nan, np.float32)
    if not set(VOTE_COLUMNS) <= set(meta.votes):
        return votes
    places = [meta.votes.index(name) for name in VOTE_COLUMNS]
    for row, record in zip(votes, records, strict=True):
        given = record.votes or ()
        # Annotators who had fewer or other names to choose from, such as RAF-ML's, gave no votes of FER+.
        if [place for place, count in enumerate(given) if count is not None] == sorted(places):
            row[:] = [given[place] for place in places]
    return votes
