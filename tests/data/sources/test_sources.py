"""The registry of layouts."""

import pytest

from mien.data.sources import LAYOUTS, layout
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
