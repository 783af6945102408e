"""The registry of layouts."""

from pathlib import Path

import pytest

from mien.data.problems import Problems
from mien.data.sources import LAYOUTS, SourceOptions, layout
from mien.errors import UsageError


def test_every_layout_of_the_field_is_there() -> None:
    assert list(LAYOUTS) == [
        "fer2013-csv",
        "ferplus",
        "fer2013-parquet",
        "folders",
        "prefixed",
        "raf-db",
        "raf-ml",
        "ck+",
        "face-or-other",
        "table",
        "huggingface",
    ]


def test_an_unknown_layout_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown layout 'folder': .* Did you mean 'folders'"):
        layout("folder")


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("raf-db", {"own_classes": True}, "--own-classes: layout raf-db has no use for it, only folders"),
        ("fer2013-csv", {"rule": "majority"}, "--rule: layout fer2013-csv has no use for it, only ferplus"),
        ("folders", {"hub_split": "test"}, "--hub-split: layout folders has no use for it, only huggingface"),
        ("raf-db", {"other": Path("x")}, "--other: layout raf-db has no use for it, only ferplus, face-or-other"),
    ],
)
def test_an_option_of_other_layouts_is_refused(tmp_path, name, given, said) -> None:
    with pytest.raises(UsageError, match=said):
        layout(name).open(tmp_path, SourceOptions(**given), Problems())
