import copy
import pickle
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

import mien
from mien.inference.session import Session


@pytest.fixture(scope="module")
def analyzer():
    return mien.Analyzer(detector="haar")


@pytest.fixture
def calls(monkeypatch):
    """How many crops each call of the network was given."""
    counts = []
    original = Session.logits

    def counted(self, crops, heads):
        counts.append(len(crops))
        return original(self, crops, heads)

    monkeypatch.setattr(Session, "logits", counted)
    return counts


def scores(result):
    return [face.emotions.probabilities for face in result]


def test_the_astronaut_smiles(analyzer, astronaut):
    result = analyzer.analyze(astronaut)
    assert (result.width, result.height, result.source) == (512, 512, str(astronaut))
    (found,) = result
    assert found.emotions.top == "happiness"
    assert sum(found.emotions.probabilities) == pytest.approx(1)
    assert found.face_probability > 0.99
    assert found.unsure is False


def test_what_is_less_probable_than_the_threshold_is_unsure(analyzer):
    noise = np.random.default_rng(0).integers(0, 256, (8, 48, 48, 3), dtype=np.uint8)
    results = mien.Analyzer(detector="whole").analyze_many(list(noise))
    faces = [face for result in results for face in result]
    assert any(face.unsure for face in faces)
    for face in faces:
        assert face.unsure == (face.emotions.confidence < analyzer.head.unsure_below)


def test_all_ways_in_give_bit_identical_scores(analyzer, astronaut, astronaut_pixels):
    with Image.open(astronaut) as picture:
        results = [analyzer.analyze(way) for way in (str(astronaut), astronaut.read_bytes(), astronaut_pixels, picture)]
    assert len({tuple(scores(result)) for result in results}) == 1
    assert [result.source for result in results] == [str(astronaut), None, None, None]


def test_many_faces_are_one_call(astronaut_pixels, calls):
    analyzer = mien.Analyzer(detector="haar", model="mien-compact")  # without a gate, which has calls of its own
    wall = np.tile(astronaut_pixels[40:200, 150:300], (4, 4, 1))
    results = analyzer.analyze_many([wall] * 4)
    assert sum(len(result) for result in results) == 64
    assert calls == [64]


def test_scores_do_not_depend_on_the_company(analyzer, astronaut_pixels):
    alone = analyzer.analyze(astronaut_pixels)
    among = analyzer.analyze_many([np.zeros((60, 60, 3), np.uint8), astronaut_pixels, astronaut_pixels[:, ::-1]])[1]
    assert np.abs(np.subtract(scores(alone), scores(among))).max() < 1e-6


def test_eight_threads_give_what_one_gives(analyzer, astronaut_pixels):
    pictures = [np.ascontiguousarray(np.roll(astronaut_pixels, 7 * n, axis=1)) for n in range(8)]
    expected = [scores(analyzer.analyze(picture)) for picture in pictures]
    barrier = threading.Barrier(8)

    def work(picture):
        barrier.wait()
        return scores(analyzer.analyze(picture))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, pictures)) == expected


def test_no_threads_do_no_work(analyzer):
    with pytest.raises(mien.UsageError, match="threads is 0: give 1 or more"):
        analyzer.analyze_many([], threads=0)


def test_no_face_is_an_empty_result(analyzer):
    assert analyzer.analyze(np.zeros((60, 60, 3), np.uint8)).faces == ()
    assert analyzer.analyze_many([]) == []


def test_one_bad_picture_raises_or_is_reported(analyzer, astronaut, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no")
    with pytest.raises(mien.PictureError, match=r"bad\.jpg"):
        analyzer.analyze_many([astronaut, bad])
    seen = []
    results = analyzer.analyze_many([astronaut, bad, astronaut], on_error=lambda source, error: seen.append(source))
    assert (len(results), seen) == (2, [bad])


def test_labels_choose_the_head(astronaut):
    result = mien.Analyzer(detector="haar", labels="ferplus8").analyze(astronaut)
    assert "contempt" in result.faces[0].emotions
    with pytest.raises(mien.UsageError, match="unknown head of model mien-base '': it is one of fer7"):
        mien.Analyzer(labels="")
    with pytest.raises(mien.UsageError, match="unknown head of model mien-base 'fer9': it is one of fer7, ferplus8"):
        mien.Analyzer(labels="fer9")


def test_whole_takes_fer2013_files_as_they_are(public_test):
    analyzer = mien.Analyzer(detector="whole")
    results = analyzer.analyze_many(list(public_test.crops[:300, 0]))
    assert [len(result) for result in results] == [1] * 300
    guesses = [analyzer.head.labels.index(result.faces[0].emotions.top) for result in results]
    assert (np.array(guesses) == public_test.fer7[:300]).mean() > 0.6


def test_too_large_a_picture():
    with pytest.raises(mien.PictureError, match="megapixels"):
        mien.Analyzer(detector="haar", max_pixels=100).analyze(np.zeros((60, 60, 3), np.uint8))


@pytest.mark.parametrize(("threads", "kept"), [(1, 1), (2, 5)])
def test_pictures_that_come_one_after_the_other_are_not_kept(analyzer, threads, kept):
    seen = []

    def pictures():
        for _ in range(12):
            # The last one is still in the caller's hand; two for each thread are taken ahead.
            assert all(picture() is None for picture in seen[:-kept])
            picture = np.zeros((60, 60, 3), np.uint8)
            seen.append(weakref.ref(picture))
            yield picture

    assert [result.source for result in analyzer.analyze_many(pictures(), threads=threads)] == [None] * 12


def test_threads_give_what_one_gives(analyzer, astronaut, astronaut_pixels, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no")
    sources = [astronaut, bad, *(np.roll(astronaut_pixels, 9 * n, axis=1) for n in range(9)), bad, astronaut]
    one, several = [], []
    alone = analyzer.analyze_many(sources, threads=1, on_error=lambda source, error: one.append((source, str(error))))
    shared = analyzer.analyze_many(
        sources, threads=4, on_error=lambda source, error: several.append((source, str(error)))
    )
    assert [result.to_dict() for result in shared] == [result.to_dict() for result in alone]
    assert several == one
    assert [source for source, _ in one] == [bad, bad]


def test_it_says_in_a_notebook_what_it_is(analyzer):
    assert repr(analyzer) == "Analyzer(model='mien-base', detector='haar', labels='fer7')"


def test_it_goes_to_no_other_process_and_says_what_to_do(analyzer):
    for act in (pickle.dumps, copy.deepcopy, copy.copy):
        with pytest.raises(mien.UsageError, match="other processes make one each"):
            act(analyzer)


def test_one_picture_in_the_place_of_several_is_refused(analyzer, astronaut, astronaut_pixels):
    for one in (astronaut, str(astronaut), astronaut.read_bytes(), astronaut_pixels):
        with pytest.raises(mien.UsageError, match="analyze_many takes several pictures"):
            analyzer.analyze_many(one)
    assert [len(result) for result in analyzer.analyze_many(np.stack([astronaut_pixels] * 2))] == [1, 1]


def test_a_detector_of_ones_own(astronaut):
    class Mine:
        name = "mine"

        def find_faces(self, picture, *, smallest=0):
            return [mien.Face(mien.Box(165, 70, 280, 185), 0.9)]

    own = mien.Analyzer(detector=Mine())
    (found,) = own.analyze(astronaut)
    assert (own.detector.name, found.face.score, found.emotions.top) == ("mine", 0.9, "happiness")
    assert found.face_probability > 0.99


@pytest.mark.parametrize("crops", [np.zeros((1, 48, 48), np.uint8), np.zeros((1, 1, 48, 48), np.float32)])
def test_crops_of_another_kind_are_refused_by_what_the_model_takes(analyzer, crops):
    for score in (analyzer.score, analyzer.judge):
        with pytest.raises(mien.UsageError, match=r"mien-base takes \(n, 1, 48, 48\) uint8"):
            score(crops)
