import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mien import Analyzer
from mien.web.batching import Batcher, SharedAnalyzer


def numbered(crops):
    return crops.reshape(len(crops), -1)[:, :1].astype(np.float64)


def crop(value, count=1):
    return np.full((count, 1, 2, 2), value, np.uint8)


def test_what_waits_while_a_pass_runs_goes_through_together():
    sizes, entered, go_on = [], threading.Event(), threading.Event()

    def score(crops):
        if not entered.is_set():
            entered.set()
            assert go_on.wait(20)
        return numbered(crops)

    with ThreadPoolExecutor(1) as passes, ThreadPoolExecutor(8) as clients:
        batcher = Batcher(score, passes=passes, observe=sizes.append)
        first = clients.submit(batcher.score, crop(9))
        assert entered.wait(20)
        others = [clients.submit(batcher.score, crop(value, value)) for value in (1, 2, 3)]
        while len(batcher._waiting) < 3:
            threading.Event().wait(0.01)
        go_on.set()
        assert first.result(20).tolist() == [[9.0]]
        assert [other.result(20).tolist() for other in others] == [[[1.0]], [[2.0]] * 2, [[3.0]] * 3]
    assert sizes == [1, 6]


def test_an_error_reaches_everyone_and_the_next_pass_works():
    failing = [True]

    def score(crops):
        if failing:
            failing.clear()
            raise RuntimeError("no memory")
        return numbered(crops)

    with ThreadPoolExecutor(1) as passes:
        batcher = Batcher(score, passes=passes, observe=lambda count: None)
        with pytest.raises(RuntimeError, match="no memory"):
            batcher.score(crop(1))
        assert batcher.score(crop(2)).tolist() == [[2.0]]


def test_shared_answers_are_those_of_an_analyzer_alone(astronaut_pixels):
    pictures = [astronaut_pixels, np.ascontiguousarray(astronaut_pixels[:, ::-1]), astronaut_pixels[100:300]]
    alone = Analyzer(detector="haar", threads=1)
    with ThreadPoolExecutor(2) as passes, ThreadPoolExecutor(6) as clients:
        shared = SharedAnalyzer(
            model="mien-compact",
            detector="haar",
            labels=None,
            max_pixels=10**6,
            passes=passes,
            observe=lambda count: None,
        )
        answers = list(clients.map(shared.analyze, pictures * 6))
    for answer, expected in zip(answers, [alone.analyze(picture) for picture in pictures] * 6, strict=True):
        assert len(answer) == len(expected)
        for face, other in zip(answer, expected, strict=True):
            np.testing.assert_allclose(list(face.emotions.values()), list(other.emotions.values()), atol=1e-5)
