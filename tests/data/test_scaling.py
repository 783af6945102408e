"""Min-max scaling: fitted on one split, applied to any pixels."""

import numpy as np
import pytest

from mien.data.record import Scaling
from mien.data.samples import read_samples
from mien.data.scaling import fit_scaling, scaled
from mien.errors import UsageError
from mien.model_card import FER2013_CROP


def test_the_fit_is_the_range_of_that_split(make_table) -> None:
    table = make_table()
    scaling = fit_scaling(table, "Training")
    crops = read_samples(table.path, spec=FER2013_CROP, splits=["Training"]).crops
    assert (scaling.low[0], scaling.high[0]) == (crops.min(), crops.max())
    result = scaled(crops, scaling)
    assert (result.dtype, result.min(), result.max()) == (np.float32, 0, 1)


def test_values_outside_the_fit_are_clipped() -> None:
    crops = np.array([0, 50, 75, 100, 255], np.uint8).reshape(5, 1, 1, 1)
    assert scaled(crops, Scaling("train", (50.0,), (100.0,))).ravel().tolist() == [0, 0, 0.5, 1, 1]


def test_a_range_of_nothing_does_not_divide_by_zero() -> None:
    assert scaled(np.full((1, 3, 2, 2), 9, np.uint8), Scaling("train", (9.0,) * 3, (9.0,) * 3)).max() == 0


def test_an_unknown_split(make_table) -> None:
    with pytest.raises(UsageError, match="unknown split 'train': it is one of Training, PublicTest, PrivateTest"):
        fit_scaling(make_table(), "train")
