import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit, softmax

from mien.inference.scores import probabilities, sharpened
from mien.model_card import Head

rows = arrays(np.float32, (5, 3), elements=st.floats(-80, 80, width=32))


@given(rows, st.floats(0.2, 5))
def test_single_label_is_softmax_over_temperature(logits, temperature):
    found = probabilities(logits, Head("h", "single", ("a", "b", "c"), temperature))
    assert found == pytest.approx(softmax(logits.astype(float) / temperature, axis=1), abs=1e-12)
    assert found.sum(axis=1) == pytest.approx(1)


@given(rows, st.floats(0, 1))
def test_a_temperature_by_entropy_keeps_the_answer_and_makes_it_surer(logits, power):
    plain, found = sharpened(logits.astype(float), 0), sharpened(logits.astype(float), power)
    assert plain == pytest.approx(softmax(logits.astype(float), axis=1), abs=1e-12)
    assert found.sum(axis=1) == pytest.approx(1)
    first = plain.argmax(axis=1)[:, None]
    assert pytest.approx(found.max(axis=1)[None]) == np.take_along_axis(found, first, 1).T
    assert (found.max(axis=1) >= plain.max(axis=1) - 1e-12).all()


def test_a_temperature_by_entropy_by_hand():
    # Entropy of 0.9 and 0.1: 0.325 nats of at most 0.693, so a temperature of 0.469 ** 0.5 = 0.685.
    found = sharpened(np.log([[0.9, 0.1]]), 0.5)
    assert found[0, 0] == pytest.approx(9 ** (1 / 0.6848) / (1 + 9 ** (1 / 0.6848)), abs=1e-4)


@given(rows, st.floats(0.2, 5))
def test_multi_label_and_gate_are_sigmoids_over_temperature(logits, temperature):
    for task in ("multi", "gate"):
        found = probabilities(logits, Head("h", task, ("a", "b", "c"), temperature))
        assert found == pytest.approx(expit(logits.astype(float) / temperature), abs=1e-12)
