"""One labelled picture, and what a whole table of them says about itself."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from mien.errors import DataError
from mien.files import in_utf8
from mien.labels import LABEL_SETS, LabelSet

UNSPLIT = "all"
"""The split of pictures that belong to no split."""

META_VERSION = 1


def row_name(number: int) -> str:
    """Return the name of a picture that has none of its own: that of its row, counted from 0."""
    return f"row{number:07d}.png"


@dataclass(frozen=True)
class Record:
    """One row of the canonical table.

    Attributes:
        image: the bytes of the encoded picture, as they lay on disk.
        path: name of the picture within its dataset, such as ``"train/happy/3.png"``; no other row of a table has it.
        label: the one label, None where the dataset or a rule gives none.
        labels: every label that applies, for multi-label work, in the order of the label set; None where nobody
            asked.
        votes: in the order of `TableMeta.votes`: counts of annotators, or their shares; None where nobody voted, and
            for an emotion that nobody was asked about.
        split: name of the split, `UNSPLIT` where there is none.
        subject: who is on the picture, None where that is not known.
        source: the dataset that it comes from.
    """

    image: bytes
    path: str
    label: str | None
    split: str
    source: str
    labels: tuple[str, ...] | None = None
    votes: tuple[float | None, ...] | None = None
    subject: str | None = None


def named_apart(records: Iterable[Record]) -> Iterator[Record]:
    """Yield records so that no two have the same name, by which predictions and evaluation tell pictures apart.

    A name that an earlier record has gets its dataset in front, and where that is taken, too, the number of its row.
    Names of files and folders may be of any bytes; here they become UTF-8, as Parquet wants them (see
    `mien.files.in_utf8`).
    """
    taken: set[str] = set()
    for number, record in enumerate(records):
        name, source = in_utf8(record.path), in_utf8(record.source)
        if name in taken:
            name = f"{source}/{name}"
        while name in taken:
            name = f"{number}/{name}"
        taken.add(name)
        yield replace(record, path=name, source=source)


@dataclass(frozen=True)
class Scaling:
    """Min-max scaling of pixels, fitted on one split.

    Attributes:
        split: the split whose pixels it was fitted on.
        low: smallest pixel value of that split, per channel, 0 to 255.
        high: largest pixel value of that split, per channel, 0 to 255.
    """

    split: str
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class TableMeta:
    """What a table says about itself; stored in the Parquet file under the key ``mien``.

    Attributes:
        label_set: name and order of the labels that column ``label`` may have.
        license: licence of the dataset, in words.
        layout: the layout that it was prepared from, or ``"merged"``.
        votes: what the vote columns stand for, in order; empty without votes.
        preparation: what was done to the rows, in order, such as ``("gray", "size 48")``.
        scaling: fitted on training pictures; the pictures themselves stay as they are.
        present_set: name and order of the labels that column ``labels`` may have, None where it is the label set.
    """

    label_set: LabelSet
    license: str
    layout: str
    votes: tuple[str, ...] = ()
    preparation: tuple[str, ...] = field(default=())
    scaling: Scaling | None = None
    present_set: LabelSet | None = None

    @property
    def multi_set(self) -> LabelSet:
        """The labels that column ``labels`` may have."""
        return self.present_set or self.label_set

    def to_json(self) -> str:
        """Return the content as JSON text."""
        return json.dumps({"version": META_VERSION, **asdict(self)})

    @classmethod
    def from_json(cls, text: str | bytes, *, file: str) -> "TableMeta":
        """Read what `to_json` wrote.

        Args:
            text: the JSON text.
            file: where it comes from, for the error.

        Raises:
            DataError: the text is none of this version, or a known label set has another order here.
        """
        try:
            content: Mapping[str, Any] = json.loads(text)
            if content["version"] != META_VERSION:
                raise DataError(
                    f"{file}: its metadata is version {content['version']}, this mien reads version {META_VERSION}; "
                    "upgrade mien, or prepare the table again with `mien data prepare`"
                )
            scaling, present = content["scaling"], content["present_set"]
            return cls(
                label_set=_label_set(content["label_set"], file),
                license=content["license"],
                layout=content["layout"],
                votes=tuple(content["votes"]),
                preparation=tuple(content["preparation"]),
                scaling=scaling
                and Scaling(split=scaling["split"], low=tuple(scaling["low"]), high=tuple(scaling["high"])),
                present_set=present and _label_set(present, file),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{file}: its metadata cannot be read ({error!r}); prepare the table again with `mien data prepare`"
            ) from error


def _label_set(content: Mapping[str, Any], file: str) -> LabelSet:
    labels = LabelSet(content["name"], tuple(content["labels"]))
    known = LABEL_SETS.get(labels.name)
    if known is not None and known != labels:
        raise DataError(
            f"{file}: says its labels are {labels.name} but orders them {', '.join(labels.labels)}; "
            f"{labels.name} is {', '.join(known.labels)}: prepare the table again"
        )
    return labels
