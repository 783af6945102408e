import io
import threading
from concurrent.futures import CancelledError

import pytest
from PIL import Image

from mien import Analyzer, PictureError
from mien.web.batching import MOST_TOGETHER, Desk, Order
from mien.web.uploads import Upload


@pytest.fixture
def analyzer():
    return Analyzer(detector="haar", threads=1)


def order(*contents, names=None):
    return Order([Upload(name, io.BytesIO(content)) for name, content in zip(names or contents, contents, strict=True)])


class Held:
    """An analyzer whose first batch waits until it may go on."""

    def __init__(self, analyzer):
        self.inside, self.go_on = threading.Event(), threading.Event()
        self._analyze_many = analyzer.analyze_many
        self.card, self.head = analyzer.card, analyzer.head

    def analyze_many(self, sources, **options):
        self.inside.set()
        assert self.go_on.wait(20)
        return self._analyze_many(sources, **options)


@pytest.fixture
def sizes():
    return []


@pytest.fixture
def desk(sizes):
    desk = Desk(cores=1, observe=sizes.append)
    yield desk
    desk.close()


def test_what_waits_is_taken_together_and_everyone_gets_the_answer_to_their_own(analyzer, desk, sizes, photo):
    alone = [face.to_dict() for face in analyzer.analyze(photo)]
    held = Held(analyzer)
    first = desk.submit(held, order(photo, names=["first"]))
    assert held.inside.wait(20)
    others = [desk.submit(held, order(photo, photo, names=[f"{place}-a", f"{place}-b"])) for place in range(3)]
    held.go_on.set()
    assert [result["source"] for result in first.result(20)["results"]] == ["first"]
    for place, other in enumerate(others):
        results = other.result(20)["results"]
        assert [result["source"] for result in results] == [f"{place}-a", f"{place}-b"]
        for result in results:
            (face,) = result["faces"]
            assert face["box"] == alone[0]["box"]
            assert face["emotions"] == pytest.approx(alone[0]["emotions"], abs=1e-5)
    assert sizes == [1, 6]


def test_an_unusable_picture_is_the_problem_of_its_sender_alone(analyzer, desk, sizes, photo):
    held = Held(analyzer)
    desk.submit(held, order(photo, names=["first"]))
    assert held.inside.wait(20)
    good, bad, mixed = (
        desk.submit(held, each)
        for each in (
            order(photo, names=["good"]),
            order(b"rubbish", names=["bad"]),
            order(b"rubbish", photo, names=["one", "two"]),
        )
    )
    held.go_on.set()
    assert len(good.result(20)["results"]) == 1
    with pytest.raises(PictureError, match="bad: is not a picture"):
        bad.result(20)
    assert [result["source"] for result in mixed.result(20)["results"]] == ["two"]
    (problem,) = mixed.result(20)["problems"]
    assert (problem["picture"], problem["source"]) == (0, "one")
    assert sizes == [1, 2]


def test_a_batch_has_an_end_and_one_model(analyzer, desk, sizes, photo):
    held, other = Held(analyzer), Analyzer(detector="whole", threads=1)
    desk.submit(held, order(photo, names=["first"]))
    assert held.inside.wait(20)
    answers = [desk.submit(held, order(photo, names=["x"])) for _ in range(MOST_TOGETHER + 1)]
    answers += [desk.submit(other, order(photo, names=["x"])), desk.submit(held, order(photo, names=["x"]))]
    held.go_on.set()
    assert [len(answer.result(20)["results"]) for answer in answers] == [1] * len(answers)
    assert sizes == [1, MOST_TOGETHER, 1, 1, 1]


def test_an_error_reaches_all_that_were_taken_and_the_next_batch_works(analyzer, desk, photo, monkeypatch):
    analyze_many = analyzer.analyze_many

    def fail(sources, **options):
        monkeypatch.setattr(analyzer, "analyze_many", analyze_many)
        raise RuntimeError("no memory")

    monkeypatch.setattr(analyzer, "analyze_many", fail)
    with pytest.raises(RuntimeError, match="no memory"):
        desk.submit(analyzer, order(photo, names=["x"])).result(20)
    assert len(desk.submit(analyzer, order(photo, names=["x"])).result(20)["results"]) == 1


def test_what_is_cancelled_in_time_is_not_done(analyzer, desk, sizes, photo):
    held = Held(analyzer)
    desk.submit(held, order(photo, names=["first"]))
    assert held.inside.wait(20)
    cancelled, kept = (desk.submit(held, order(photo, names=["x"])) for _ in range(2))
    assert cancelled.cancel()
    held.go_on.set()
    assert kept.result(20)
    assert sizes == [1, 1]


@pytest.mark.parametrize("company", [True, False])
def test_what_is_given_up_is_not_gone_on_with(analyzer, desk, sizes, photo, company):
    held, seen = Held(analyzer), []
    gone, kept = order(photo, photo, photo, names=["a", "b", "c"]), order(photo, names=["kept"])
    find_faces = analyzer.detector.find_faces

    def find(picture, **options):
        seen.append(picture)
        if gone.names:  # its first picture is in work
            gone.given_up.set()
        return find_faces(picture, **options)

    analyzer.detector.find_faces = find
    desk.submit(held, order(photo, names=["first"]))
    assert held.inside.wait(20)
    answers = [desk.submit(held, each) for each in ((gone, kept) if company else (gone,))]
    held.go_on.set()
    with pytest.raises(CancelledError):
        answers[0].result(20)
    for answer in answers[1:]:
        assert [result["source"] for result in answer.result(20)["results"]] == ["kept"]
    assert len(seen) == (3 if company else 2)
    assert sizes == ([1, 2] if company else [1])


def test_pictures_without_a_face_are_no_pass(analyzer, desk, sizes):
    blank = io.BytesIO()
    Image.new("RGB", (80, 60), "white").save(blank, "PNG")
    (result,) = desk.submit(analyzer, order(blank.getvalue(), names=["blank"])).result(20)["results"]
    assert (result["faces"], sizes) == ([], [])


def test_a_closed_desk_ends_what_it_has_begun_and_cancels_the_rest(analyzer, sizes, photo):
    desk, held = Desk(cores=1, observe=sizes.append), Held(analyzer)
    begun = desk.submit(held, order(photo, names=["first"]))
    assert held.inside.wait(20)
    waiting = desk.submit(held, order(photo, names=["x"]))
    closing = threading.Thread(target=desk.close)
    closing.start()
    held.go_on.set()
    closing.join(20)
    assert begun.result(20)
    assert waiting.cancelled()
    assert sizes == [1]
