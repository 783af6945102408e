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


def test_gray_crops_of_colour_pictures_are_scaled_by_luma_and_not_by_red() -> None:
    scaling = Scaling("train", (100.0, 0.0, 0.0), (200.0, 255.0, 255.0))  # luma from 29.9 to 238.6
    crops = np.array([29, 60, 239], np.uint8).reshape(3, 1, 1, 1)
    assert scaled(crops, scaling).ravel() == pytest.approx([0, (60 - 29.9) / (238.555 - 29.9), 1], abs=1e-6)
    gray = Scaling("train", (17.0,) * 3, (203.0,) * 3)
    every = np.arange(256, dtype=np.uint8).reshape(-1, 1, 1, 1)
    assert np.array_equal(scaled(every, gray), scaled(every, Scaling("train", (17.0,), (203.0,))))
