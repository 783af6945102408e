import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit, softmax

from mien.inference.scores import probabilities
from mien.model_card import Head

rows = arrays(np.float32, (5, 3), elements=st.floats(-80, 80, width=32))


@given(rows, st.floats(0.2, 5))
def test_single_label_is_softmax_over_temperature(logits, temperature):
    found = probabilities(logits, Head("h", "single", ("a", "b", "c"), temperature))
    assert found == pytest.approx(softmax(logits.astype(float) / temperature, axis=1), abs=1e-12)
    assert found.sum(axis=1) == pytest.approx(1)


@given(rows, st.floats(0.2, 5))
def test_multi_label_and_gate_are_sigmoids_over_temperature(logits, temperature):
    for task in ("multi", "gate"):
        found = probabilities(logits, Head("h", task, ("a", "b", "c"), temperature))
        assert found == pytest.approx(expit(logits.astype(float) / temperature), abs=1e-12)
