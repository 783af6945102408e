"""The bootstrap: pictures drawn again and again, as how often each one was drawn."""

from collections.abc import Iterator

import numpy as np

from mien.evaluation.ranking import Weights

INTERVAL = (0.025, 0.975)
"""The quantiles that 95 % of all draws lie between."""
CHUNK = 100
"""Resamples that are worked on together, at most."""
MOST_WEIGHTS = 5_000_000
"""Resamples times pictures that are worked on together; bounds the memory."""


def draw_weights(count: int, *, resamples: int, seed: int) -> Iterator[Weights]:
    """Yield bootstrap resamples of pictures, as how often each picture was drawn: (up to `CHUNK`, count).

    Of many pictures fewer resamples come together, see `MOST_WEIGHTS`; they are the same ones.
    """
    draw = np.random.default_rng(seed)
    chunk = min(CHUNK, max(MOST_WEIGHTS // count, 1))
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        drawn = [np.bincount(draw.integers(count, size=count), minlength=count) for _ in range(size)]
        yield np.array(drawn, np.float64)
