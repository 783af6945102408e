"""The scripts that make the table of a gate: scenes are parted, boxes lie where they were found, faces are left out."""

import sys
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from mien.data import Record, open_table
from mien.data.encoding import encode_png
from mien.data.samples import read_samples
from mien.data.votes import MISSING
from mien.inference.image import read_picture
from mien.model_card import FER2013_CROP
from mien.results import Box, Face

ROOT = Path(__file__).parent.parent
ASTRONAUT = ROOT / "examples" / "astronaut.jpg"


@pytest.fixture
def script(monkeypatch):
    """Return a function that imports a script of recipes/ as it is imported when it runs."""
    monkeypatch.syspath_prepend(ROOT / "recipes")
    yield import_module
    for name in [name for name in sys.modules if name.startswith("gate_")]:
        del sys.modules[name]


def clouds(seed):
    few = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return cv2.resize(few, (400, 320), interpolation=cv2.INTER_CUBIC)


def test_turned_mirrored_and_darker_photographs_are_one_scene(script):
    astronaut = read_picture(ASTRONAUT)
    first, second = (clouds(seed) for seed in (1, 2))
    darker = (astronaut * 0.4).astype(np.uint8)
    photos = [
        first,
        astronaut,
        np.ascontiguousarray(np.rot90(darker)),
        second,
        np.ascontiguousarray(first[:, ::-1]),
        np.ascontiguousarray(np.rot90(astronaut[:, ::-1], 2)),
    ]
    assert script("gate_scenes").scenes(photos) == [0, 1, 1, 3, 0, 1]


@pytest.mark.parametrize("quarter", range(4))
@pytest.mark.parametrize(("mirrored", "times"), [(False, 1.0), (True, 1.0), (True, 2.0)])
def test_boxes_turn_back_with_the_picture(script, quarter, mirrored, times):
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[5:15, 20:50] = 255
    view = script("gate_boxes").View(mirrored, times, quarter)
    rows, columns = np.nonzero(view.of(picture)[..., 0] > 127)
    there = Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    back = view.back(there, picture.shape)
    assert (back.x1, back.y1, back.x2, back.y2) == (20, 5, 50, 15)


def test_boxes_come_back_out_of_their_file_by_photograph_with_the_faces_first(script, tmp_path):
    boxes = script("gate_boxes")
    found = [
        boxes.Found(1, boxes.View(True, 1.5, 2), "frontalface_alt2", Box(1.0, 2.0, 31.0, 32.0)),
        boxes.Found(0, boxes.View(), "gate-cnn-1", Box(0.0, 33.6, 33.6, 67.2)),
        boxes.Found(1, boxes.View(), "yunet", Box(-3.25, 4.5, 10.0, 20.75)),
    ]
    boxes.write_boxes(tmp_path / "boxes.csv", found)
    assert boxes.read_boxes(tmp_path / "boxes.csv") == [found[1], found[2], found[0]]


class Claims:
    """A cascade that takes the same two places of every picture for faces."""

    CASCADE = "haarcascade_claims.xml"

    def find_faces(self, picture, *, smallest=0):
        return [Face(Box(0, 0, 30, 30), 1.0), Face(Box(40, 0, 70, 30), 1.0)]


def test_what_touches_a_face_is_no_false_alarm_in_any_view(script, monkeypatch):
    search = script("gate_search")
    photo = np.zeros((200, 200, 3), np.uint8)
    monkeypatch.setattr(search, "faces_however_turned", lambda judge, photo: [Box(10, 10, 20, 20)])
    found = search.Search(None, (Claims(), Claims()))
    for held_out, views in ((True, 8), (False, 16)):
        alarms = [each for each in found.boxes(7, photo, held_out=held_out) if each.by != "yunet"]
        # Two claims of each cascade in each view; the first lies on the face in the photograph and when it is enlarged.
        assert len({each.view for each in alarms}) == views
        places = {(each.view, each.box.x1) for each in alarms}
        assert (search.View(), 0) not in places
        assert (search.View(times=1.5), 0) not in places
        assert {(search.View(), 40), (search.View(quarter=1), 0)} <= places
        assert all(each.photograph == 7 and each.by == "claims" for each in alarms)


def test_crops_carry_what_found_them_and_the_split_of_their_scene(script, tmp_path):
    boxes, data = script("gate_boxes"), script("gate_data")
    photos = [read_picture(ASTRONAUT), clouds(1)]
    files = [{"image": {"bytes": cv2.imencode(".png", photo[..., ::-1])[1].tobytes()}} for photo in photos]
    parquet.write_table(pa.Table.from_pylist(files), tmp_path / "scenes.parquet")
    turned = boxes.View(quarter=1)
    found = [
        boxes.Found(0, boxes.View(), "yunet", Box(100, 50, 300, 250)),
        boxes.Found(0, boxes.View(), "frontalface_alt2", Box(0, 300, 48, 348)),
        boxes.Found(1, turned, "frontalface_alt2", Box(10, 20, 58, 68)),
        boxes.Found(1, turned, "frontalface_alt2", Box(60, 20, 108, 68)),
    ]
    records = list(data.parts_of_photographs(tmp_path / "scenes.parquet", found))
    splits = data.splits_of(photos)
    assert {record.path.split("-")[0]: record.split for record in records if record.source == "squares"} == {
        "squares/000": splits[0],
        "squares/001": splits[1],
    }
    alarms = {record.path: record for record in records if record.source != "squares"}
    assert list(alarms) == [
        "false-alarms/frontalface_alt2/000-000.png",
        "false-alarms-of-views/frontalface_alt2/001-000.png",
        "false-alarms-of-views/frontalface_alt2/001-001.png",
    ]
    assert all(record.source == path.rsplit("/", 1)[0] for path, record in alarms.items())
    x, y = 60, 20
    gray = cv2.cvtColor(np.ascontiguousarray(np.rot90(photos[1])), cv2.COLOR_RGB2GRAY)
    crop = read_picture(alarms["false-alarms-of-views/frontalface_alt2/001-001.png"].image)[..., 0]
    # The card puts a box of 48 pixels a little within the crop: most of the crop is that place.
    near = cv2.matchTemplate(gray, crop, cv2.TM_CCOEFF_NORMED)
    assert near.max() > 0.9
    assert abs(np.array(np.unravel_index(near.argmax(), near.shape)) - (y, x)).max() <= 3


def test_the_table_of_emotions_holds_both_sides_in_little_detail_too(script, monkeypatch, tmp_path):
    data = script("gate_data")
    sharp = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
    png = encode_png(sharp)
    doubted = np.array([8.0] + [0.0] * 8 + [2.0])
    sure = np.array([9.0] + [0.0] * 8 + [1.0])
    pictures = [
        Record(png, "happy.png", "happiness", "Training", "fer2013", votes=sure),
        Record(png, "doubted.png", "happiness", "Training", "fer2013", votes=doubted),
        Record(png, "read-once.png", "happiness", "PrivateTest", "fer2013", votes=sure),
    ]
    monkeypatch.setattr(data, "faces", lambda path: iter(pictures))
    monkeypatch.setattr(data, "things", lambda path: iter([Record(png, "car.png", "not_face", "Training", "things")]))
    monkeypatch.setattr(data, "parts_of_photographs", lambda path, boxes: iter(()))
    gate, emotions = tmp_path / "gate.parquet", tmp_path / "all.parquet"
    monkeypatch.setattr(sys, "argv", ["gate_data.py", "a", "b", "c", str(gate), "--emotions", str(emotions)])
    data.main()
    found = {record.path: record for record in open_table(emotions).records()}
    assert {path: record.label for path, record in found.items()} == {
        "happy.png": "happiness",
        "faint/happy.png": "unknown",
        "doubted.png": "happiness",
        "read-once.png": "happiness",
        "car.png": "not_face",
        "faint/car.png": "not_face",
    }
    assert np.array_equal(read_picture(found["faint/happy.png"].image)[..., 0], data.reduced(sharp))
    assert np.array_equal(read_picture(found["happy.png"].image)[..., 0], sharp)
    assert found["faint/happy.png"].votes is None
    samples = read_samples(emotions, spec=FER2013_CROP)
    told = dict(zip(samples.ids.tolist(), samples.face_codes().tolist(), strict=True))
    assert told["happy.png"] == told["faint/happy.png"] == 1
    assert told["car.png"] == told["faint/car.png"] == 0
    assert told["doubted.png"] == MISSING
    assert {record.path: record.label for record in open_table(gate).records()} == {
        "happy.png": "face",
        "read-once.png": "face",
        "car.png": "other",
    }
