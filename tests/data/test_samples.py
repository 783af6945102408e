import numpy as np
import pytest

from mien.data.samples import repeated_in
from mien.errors import DataError


def test_splits(drawn_samples):
    assert len(drawn_samples.of_split("Training")) == 48
    assert drawn_samples.of_split("PublicTest").ids[0] == "drawn48"
    with pytest.raises(DataError, match="no pictures of split 'PrivateTest': there are PublicTest, Training"):
        drawn_samples.of_split("PrivateTest")


def test_repeats_are_the_same_pixels(drawn_samples):
    training, test = drawn_samples.of_split("Training"), drawn_samples.of_split("PublicTest")
    assert not repeated_in(test, training).any()
    test.crops[3] = training.crops[40]
    assert np.flatnonzero(repeated_in(test, training)).tolist() == [3]
