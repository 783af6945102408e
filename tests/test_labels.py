import pytest

from mien.errors import UsageError
from mien.labels import FER7, FERPLUS8, LABEL_SETS, label_set, smallest_label_set


def test_orders_are_those_of_the_datasets():
    assert FER7.labels == ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
    assert FERPLUS8.labels == (
        "neutral",
        "happiness",
        "surprise",
        "sadness",
        "anger",
        "disgust",
        "fear",
        "contempt",
    )


def test_the_same_emotion_has_the_same_name_everywhere():
    assert set(FERPLUS8.labels) - set(FER7.labels) == {"contempt"}


def test_look_up():
    assert label_set("fer7") is FER7
    assert FER7.index("happiness") == 3
    assert set(LABEL_SETS) >= {"fer7", "ferplus8"}
    with pytest.raises(UsageError, match="unknown label set 'fer8'"):
        label_set("fer8")
    with pytest.raises(UsageError, match="'joy'"):
        FER7.index("joy")


def test_labels_that_no_set_holds_are_told_what_helps():
    with pytest.raises(UsageError, match=r"choose one of fer7, .*, and move what it lacks out of the source") as error:
        smallest_label_set(["happiness", "face"])
    assert "--" not in str(error.value), "prepare has no --labels, and --drop comes too late"
