import os
import shutil
import threading
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from mien.errors import UsageError, WeightsError
from mien.inference import weights
from mien.inference.detectors import EagerHaar, Haar, Whole, YuNet, open_detector
from mien.inference.image import read_picture
from mien.inference.lending import Lending
from mien.model_card import FER2013_CROP
from mien.results import Box, Face

EYES_OF_ASTRONAUT = Box(200, 105, 250, 125)


@pytest.fixture(scope="module")
def yunet(shared):
    return YuNet(shared / "models" / "face_detection_yunet_2023mar.onnx")


@pytest.fixture(scope="module")
def annotated(shared):
    """Photographs and the boxes that people drew in them: 43 in 9."""
    photos = {}
    for listing in ("training.xml", "testing.xml"):
        for image in ElementTree.parse(shared / "photos" / listing).getroot().iter("image"):
            boxes = []
            for box in image.iter("box"):
                left, top, width, height = (int(box.get(key)) for key in ("left", "top", "width", "height"))
                boxes.append(Box(left, top, left + width, top + height))
            photos[image.get("file")] = boxes
    assert sum(len(boxes) for boxes in photos.values()) == 43
    return [(read_picture(shared / "photos" / name), boxes) for name, boxes in photos.items()]


def found_and_false(detector, annotated):
    found = false = 0
    for picture, boxes in annotated:
        faces = detector.find_faces(picture)
        hits = sum(any(face.box.iou(box) >= 0.4 for face in faces) for box in boxes)
        found += hits
        false += sum(all(face.box.iou(box) < 0.4 for box in boxes) for face in faces)
    return found, false


def test_haar_finds_the_annotated_faces(annotated):
    found, false = found_and_false(Haar(), annotated)
    assert found >= 38
    assert false <= 3


def test_yunet_finds_the_annotated_faces(annotated, yunet):
    found, false = found_and_false(yunet, annotated)
    assert found >= 42
    assert false == 0


def test_eager_haar_overlooks_little(annotated):
    found, false = found_and_false(EagerHaar(), annotated)
    assert found >= 42
    assert false > 10  # so it needs the gate


def test_haar_on_the_astronaut(astronaut_pixels):
    (face,) = Haar().find_faces(astronaut_pixels)
    box = face.box
    assert box.x1 < EYES_OF_ASTRONAUT.x1 < EYES_OF_ASTRONAUT.x2 < box.x2
    assert box.width == box.height
    assert 0 < face.score < 1
    assert face.landmarks is None


def test_haar_leaves_smaller_faces_than_wanted(astronaut_pixels):
    (face,) = Haar().find_faces(astronaut_pixels)
    side = round(face.box.width)
    assert len(Haar().find_faces(astronaut_pixels, smallest=side - 20)) == 1
    assert Haar().find_faces(astronaut_pixels, smallest=side + 40) == []


def test_yunet_gives_landmarks_in_the_documented_order(astronaut_pixels, yunet):
    (face,) = yunet.find_faces(astronaut_pixels)
    right_eye, left_eye, nose, right_mouth, left_mouth = face.landmarks
    assert right_eye[0] < nose[0] < left_eye[0]  # the subject's right is the picture's left
    assert max(right_eye[1], left_eye[1]) < nose[1] < min(right_mouth[1], left_mouth[1])
    assert right_mouth[0] < left_mouth[0]


def test_yunet_gives_pixels_of_the_original_however_large(astronaut_pixels, yunet):
    (small,) = yunet.find_faces(astronaut_pixels)
    (large,) = yunet.find_faces(np.kron(astronaut_pixels, np.ones((5, 5, 1), np.uint8)))
    assert small.box.iou(Box(large.box.x1 / 5, large.box.y1 / 5, large.box.x2 / 5, large.box.y2 / 5)) > 0.85
    between_eyes = np.linalg.norm(small.landmarks[0] - small.landmarks[1])
    assert np.abs(large.landmarks / 5 - small.landmarks).max() < 0.15 * between_eyes


@pytest.mark.parametrize("side", [200, 640, 1280, 3000])
def test_yunet_finds_a_face_that_fills_the_picture(astronaut_pixels, yunet, side):
    close_up = cv2.resize(astronaut_pixels[50:200, 150:300], (side, side), interpolation=cv2.INTER_CUBIC)
    (face,) = yunet.find_faces(close_up)
    assert 0.4 < face.box.width / side < 0.9


@pytest.mark.parametrize("shape", [(1, 1), (3, 400), (400, 3), (31, 31), (2, 5000)])
def test_odd_pictures_have_no_face_and_break_nothing(shape, yunet):
    for detector in (Haar(), yunet):
        assert detector.find_faces(np.zeros((*shape, 3), np.uint8)) == []


def test_one_detector_serves_many_threads(astronaut_pixels, yunet):
    mirrored = np.ascontiguousarray(astronaut_pixels[:300, ::-1])
    for detector in (Haar(), yunet):
        expected = [detector.find_faces(p)[0].box for p in (astronaut_pixels, mirrored)]
        barrier = threading.Barrier(4)

        def work(number, detector=detector, barrier=barrier):
            barrier.wait()
            return detector.find_faces((astronaut_pixels, mirrored)[number % 2])[0].box

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(work, range(4))) == expected * 2


def test_auto_takes_yunet_where_it_has_been_pulled(shared, own_home):
    assert open_detector("auto", spec=FER2013_CROP).name == "haar"
    with pytest.raises(WeightsError, match="mien models pull yunet"):
        open_detector("yunet", spec=FER2013_CROP)
    weights.pull("yunet", source=shared / "models" / "face_detection_yunet_2023mar.onnx")
    assert open_detector("auto", spec=FER2013_CROP).name == "yunet"
    assert open_detector("haar", spec=FER2013_CROP).name == "haar"


def test_whole_is_the_picture():
    (face,) = Whole(FER2013_CROP).find_faces(np.zeros((48, 48, 3), np.uint8))
    assert face.score == 1


def test_unknown_detector():
    with pytest.raises(UsageError, match="unknown detector 'mtcnn': it is one of auto, haar, yunet, whole"):
        open_detector("mtcnn", spec=FER2013_CROP)


def test_a_damaged_yunet_is_named(tmp_path):
    bad = tmp_path / "yunet.onnx"
    bad.write_bytes(b"no network")
    with pytest.raises(WeightsError, match=r"yunet\.onnx: OpenCV cannot open it"):
        YuNet(bad)


def test_to_eager_haar_one_window_is_a_face_and_several_that_agree_are_one():
    agreeing = [[100, 50, 40, 40], [102, 52, 40, 40], [101, 51, 40, 40]]

    class Cascade:
        def __init__(self, windows):
            self.windows = np.array(windows)

        def detectMultiScale(self, picture, **options):
            assert options["minNeighbors"] == 0  # OpenCV groups nothing
            return self.windows if len(self.windows) else ()

    def faces_of(windows):
        haar = EagerHaar()
        haar._cascades = Lending(lambda: Cascade(windows))
        return [(face.box, face.score) for face in haar.find_faces(np.zeros((120, 160, 3), np.uint8))]

    assert faces_of([*agreeing, [5, 60, 30, 30]]) == [(Box(101, 51, 141, 91), 3 / 6), (Box(5, 60, 35, 90), 1 / 4)]
    assert faces_of([]) == []


def test_equally_sure_faces_come_in_one_order():
    boxes = np.array([[50, 10, 30, 30], [5, 60, 40, 40], [5, 10, 30, 30], [90, 90, 24, 24]])
    windows = np.array([4, 4, 4, 9])
    seen = []
    for order in ([0, 1, 2, 3], [2, 1, 0, 3], [3, 1, 0, 2]):

        class Cascade:
            def detectMultiScale2(self, picture, order=order, **options):
                return boxes[order], windows[order]

        haar = Haar()
        haar._cascades = Lending(Cascade)
        seen.append([face.box for face in haar.find_faces(np.zeros((120, 120, 3), np.uint8))])
    assert seen[0] == seen[1] == seen[2]
    assert seen[0][0] == Box(90, 90, 114, 114)


def test_folders_whose_names_opencv_cannot_open(shared, tmp_path, monkeypatch, astronaut_pixels):
    # Not UTF-8 here, any letter beyond ASCII on Windows.
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this disk has no such names")
    expected = [detector.find_faces(astronaut_pixels)[0] for detector in (Haar(), YuNet(yunet_in(shared)))]
    shutil.copy(yunet_in(shared), folder)
    shutil.copy(os.path.join(cv2.data.haarcascades, Haar.CASCADE), folder)
    monkeypatch.setattr(cv2.data, "haarcascades", str(folder))
    found = [detector.find_faces(astronaut_pixels)[0] for detector in (Haar(), YuNet(folder / yunet_in(shared).name))]
    assert [(face.box, face.score) for face in found] == [(face.box, face.score) for face in expected]


def yunet_in(shared):
    return shared / "models" / "face_detection_yunet_2023mar.onnx"


class Mine:
    name = "mine"

    def find_faces(self, picture, *, smallest=0):
        return [Face(Box(165, 70, 280, 185), 0.9)]


def test_a_detector_of_ones_own_is_taken_as_it_is():
    mine = Mine()
    assert open_detector(mine, spec=FER2013_CROP) is mine


@pytest.mark.parametrize("no_detector", [None, Mine, lambda picture: []])
def test_what_is_no_detector_is_refused_by_what_it_lacks(no_detector):
    if no_detector is Mine:  # without its name
        no_detector = type("Nameless", (), {"find_faces": Mine.find_faces})()
    with pytest.raises(UsageError, match=r"is no detector: give one of auto, .* find_faces\(picture"):
        open_detector(no_detector, spec=FER2013_CROP)
