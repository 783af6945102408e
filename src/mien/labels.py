"""Label sets: which emotions a head or dataset names, in which order, and how they map onto each other.

Emotions are named by nouns, the same noun in every set, so that ``emotions["anger"]`` works whatever model gave them.
The order within a set is part of a weight file's meaning and never changes.
"""

from dataclasses import dataclass

from mien.errors import unknown_name


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

LABEL_SETS = {labels.name: labels for labels in (FER7, FERPLUS8)}


def label_set(name: str) -> LabelSet:
    """Return a label set by its name.

    Raises:
        UsageError: there is no label set of that name.
    """
    if name not in LABEL_SETS:
        raise unknown_name("label set", name, LABEL_SETS)
    return LABEL_SETS[name]
