"""How datasets spell labels, and which label set holds them."""

import pytest

from mien.errors import UsageError
from mien.labels import (
    FACE2,
    FER7,
    FERPLUS8,
    FERPLUS10,
    LABEL_PREFIXES,
    LABEL_SETS,
    LABEL_SPELLINGS,
    smallest_label_set,
    spelled_label,
)


def test_every_spelling_stands_for_one_label() -> None:
    spellings = [word for label, words in LABEL_SPELLINGS.items() for word in (label, *words)]
    assert len(spellings) == len(set(spellings))
    assert all(spelled_label(word) == label for label, words in LABEL_SPELLINGS.items() for word in (label, *words))


def test_every_label_of_every_set_can_be_spelled() -> None:
    assert {label for labels in LABEL_SETS.values() for label in labels.labels} == set(LABEL_SPELLINGS)
    assert set(LABEL_PREFIXES) == set(FERPLUS8.labels)
    assert len(set(LABEL_PREFIXES.values())) == 8


@pytest.mark.parametrize(
    ("word", "label"),
    [(" HAPPY ", "happiness"), ("0_Angry", "anger"), ("01. sad", "sadness"), ("Not-Face", "not_face"), ("cat", None)],
)
def test_case_blanks_and_numbers_do_not_matter(word: str, label: str | None) -> None:
    assert spelled_label(word) == label


def test_smallest_label_set() -> None:
    assert smallest_label_set(["anger"]) == FER7
    assert smallest_label_set(["anger", "contempt"]) == FERPLUS8
    assert smallest_label_set(["anger", "unknown"]) == FERPLUS10
    assert smallest_label_set(["face"]) == FACE2
    with pytest.raises(UsageError, match="no label set holds anger, face together: choose one of fer7"):
        smallest_label_set(["anger", "face"])
