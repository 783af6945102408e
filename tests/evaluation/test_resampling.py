import numpy as np

from mien.evaluation import resampling
from mien.evaluation.resampling import draw_weights


def test_of_many_pictures_fewer_resamples_come_together_and_they_are_the_same(monkeypatch):
    together = np.concatenate(list(draw_weights(40, resamples=12, seed=3)))
    monkeypatch.setattr(resampling, "MOST_WEIGHTS", 200)
    parts = list(draw_weights(40, resamples=12, seed=3))
    assert [len(part) for part in parts] == [5, 5, 2]
    assert (np.concatenate(parts) == together).all()
    monkeypatch.setattr(resampling, "MOST_WEIGHTS", 10)
    assert [len(part) for part in draw_weights(40, resamples=2, seed=3)] == [1, 1]
