"""Label sets: which emotions a head or dataset names, in which order, and how datasets spell them.

Emotions are named by nouns, the same noun in every set, so that ``emotions["anger"]`` works whatever model gave them.
The order within a set is part of a weight file's meaning and never changes.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mien.errors import UsageError, unknown_name


@dataclass(frozen=True)
class LabelSet:
    """An ordered, named tuple of labels.

    Attributes:
        name: short name, as used on the command line and in weight files.
        labels: the labels in the order of the model's outputs.
    """

    name: str
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def index(self, label: str) -> int:
        """Return the position of a label.

        Raises:
            UsageError: the set has no such label.
        """
        if label not in self.labels:
            raise unknown_name(f"{self.name} label", label, self.labels)
        return self.labels.index(label)


FER7 = LabelSet("fer7", ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"))
"""The seven classes of FER-2013 in the order of its codes 0..6 (Goodfellow et al. 2013, arXiv:1307.0414)."""

FERPLUS8 = LabelSet("ferplus8", ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"))
"""The eight emotions of FER+ in the order of its vote columns (Barsoum et al. 2016, arXiv:1608.01041)."""

FERPLUS10 = LabelSet("ferplus10", (*FERPLUS8.labels, "unknown", "not_face"))
"""FER+ with its two columns that are no emotion, for tables that keep such pictures under those names."""

RAF7 = LabelSet("raf7", ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"))
"""The seven classes of RAF-DB in the order of its codes 1..7 (Li, Deng & Du 2017, whdeng.cn/RAF/model1.html)."""

RAF6 = LabelSet("raf6", RAF7.labels[:6])
"""The six emotions of RAF-ML in the order of the columns of its distribution.txt (Li & Deng 2019, IJCV 127)."""

CK8 = LabelSet("ck8", ("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise"))
"""The classes of CK+ in the order of its emotion codes 0..7 (Lucey et al. 2010)."""

FACE2 = LabelSet("face2", ("face", "other"))
"""What a gate learns from: faces, and pictures of anything else."""

LABEL_SETS = {labels.name: labels for labels in (FER7, FERPLUS8, FERPLUS10, RAF7, RAF6, CK8, FACE2)}

LABEL_SPELLINGS = {
    "anger": ("angry",),
    "contempt": ("contemptuous",),
    "disgust": ("disgusted",),
    "fear": ("fearful", "afraid", "scared"),
    "happiness": ("happy", "happyness", "joy"),
    "neutral": ("neutrality", "natural"),
    "sadness": ("sad",),
    "surprise": ("surprised", "suprise", "suprised"),
    "unknown": (),
    "not_face": ("notface", "nonface", "noface", "nf"),
    "face": ("faces",),
    "other": ("others", "otherthings"),
}
"""How datasets, and the people who copy them, spell each label; the label itself is a spelling too."""

LABEL_PREFIXES = {
    "anger": "an",
    "contempt": "co",
    "disgust": "di",
    "fear": "fe",
    "happiness": "ha",
    "neutral": "ne",
    "sadness": "sa",
    "surprise": "su",
}
"""The class codes that flat file names begin with: ``an_0.jpg`` shows anger."""

_LABEL_OF_SPELLING = {
    spelling.replace("_", ""): label for label, spellings in LABEL_SPELLINGS.items() for spelling in (label, *spellings)
}


def label_set(name: str) -> LabelSet:
    """Return a label set by its name.

    Raises:
        UsageError: there is no label set of that name.
    """
    if name not in LABEL_SETS:
        raise unknown_name("label set", name, LABEL_SETS)
    return LABEL_SETS[name]


def spelled_label(word: str) -> str | None:
    """Return the label that a class name of a dataset stands for, None where it stands for none.

    Case, blanks, separators and a leading number (``"0_Angry"``, ``"01. happy"``) do not matter.
    """
    return _LABEL_OF_SPELLING.get(re.sub(r"^\d+|[\W_]", "", word.strip().casefold()))


def smallest_label_set(labels: Iterable[str]) -> LabelSet:
    """Return the first of FER7, FERPLUS8, FERPLUS10 and FACE2 that holds all these labels.

    Raises:
        UsageError: none of them does.
    """
    found = set(labels)
    candidates = (FER7, FERPLUS8, FERPLUS10, FACE2)
    for candidate in candidates:
        if found <= set(candidate.labels):
            return candidate
    raise UsageError(
        f"no label set holds {', '.join(sorted(found))} together: choose one of "
        f"{', '.join(labels.name for labels in candidates)}, and move what it lacks out of the source"
    )
