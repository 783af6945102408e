import json
import os
import signal
import subprocess
import sys
from contextlib import suppress

import numpy as np
import onnx
import pytest

from mien.errors import UsageError, WeightsError
from mien.inference.session import BATCH, Session
from mien.inference.weights import emotion_model, sha256_of
from mien.model_card import CARD_KEY


@pytest.fixture(scope="module")
def session():
    return Session(emotion_model("mien-compact"))


@pytest.fixture(scope="module")
def crops():
    return np.random.default_rng(0).integers(0, 256, (BATCH + 9, 1, 48, 48), dtype=np.uint8)


def test_the_card_comes_with_the_file(session):
    assert session.card.name == "mien-compact"
    assert [head.name for head in session.card.heads] == ["fer7", "ferplus8"]
    assert session.card.sha256 == sha256_of(emotion_model("mien-compact"))


def test_scores_do_not_depend_on_the_batch(session, crops):
    heads = ["fer7", "ferplus8"]
    together = session.logits(crops, heads)
    alone = [np.concatenate(parts) for parts in zip(*(session.logits(c[None], heads) for c in crops[:40]), strict=True)]
    for many, one in zip(together, alone, strict=True):
        assert many.dtype == np.float32
        assert np.abs(many[:40] - one).max() <= 1e-5
    assert together[0].shape == (len(crops), 7)
    assert together[1].shape == (len(crops), 8)


def test_no_crops_give_no_rows(session, crops):
    assert session.logits(crops[:0], ["fer7"])[0].shape == (0, 7)


def test_brightness_and_contrast_do_not_matter(session, crops):
    half = crops[:8] // 2
    changed = half + 60
    assert np.abs(session.logits(half, ["fer7"])[0] - session.logits(changed, ["fer7"])[0]).max() < 1e-3


def test_a_blank_crop_gives_finite_scores(session):
    assert np.isfinite(session.logits(np.zeros((1, 1, 48, 48), np.uint8), ["fer7"])[0]).all()


def test_files_that_cannot_be_used_are_named(tmp_path, shared):
    bad = tmp_path / "bad.onnx"
    with pytest.raises(WeightsError, match=r"bad\.onnx: cannot be read"):
        Session(bad)
    bad.write_bytes(b"no network")
    with pytest.raises(WeightsError, match=r"bad\.onnx: is not a weight file"):
        Session(bad)
    with pytest.raises(WeightsError, match="carries no model card"):
        Session(shared / "models" / "face_detection_yunet_2023mar.onnx")


@pytest.mark.parametrize(
    ("place", "wrong", "text"),
    [
        (("crop", "size"), 64, r"takes tensor\(uint8\) .*48, 48.*, but its card says .*64, 64"),
        (("crop", "color"), "rgb", "takes .*but its card says .*3, 48, 48"),
        (("heads", 0, "labels"), ["anger", "neutral"], "its output fer7 is .*7.*, but its card names 2 labels"),
        (("heads", 0, "name"), "raf7", "its card names outputs that it does not have: raf7"),
    ],
)
def test_a_card_of_another_network_is_refused(tmp_path, place, wrong, text):
    model = onnx.load(emotion_model("mien-nano"))
    (entry,) = (entry for entry in model.metadata_props if entry.key == CARD_KEY)
    part = card = json.loads(entry.value)
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = wrong
    entry.value = json.dumps(card)
    onnx.save(model, tmp_path / "own.onnx")
    with pytest.raises(WeightsError, match=rf"own\.onnx: {text}"):
        Session(tmp_path / "own.onnx")


def test_a_file_that_takes_one_crop_at_a_time_is_refused(tmp_path):
    model = onnx.load(emotion_model("mien-nano"))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(model, tmp_path / "own.onnx")
    with pytest.raises(WeightsError, match=r"takes tensor\(uint8\) \[1, 1, 48, 48\], but its card says uint8 \['n', "):
        Session(tmp_path / "own.onnx")


def test_fewer_threads_than_none():
    with pytest.raises(UsageError, match="threads is -1: give 0"):
        Session(emotion_model("mien-nano"), threads=-1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_may_let_go_of_what_it_inherited_and_open_its_own():
    code = """
import os, sys
import numpy as np
from mien.inference.session import Session
from mien.inference.weights import emotion_model

def opened():
    session = Session(emotion_model("mien-nano"), threads=2)
    return session, session.logits(np.zeros((3, 1, 48, 48), np.uint8), ["fer7"])[0].sum()

session, first = opened()
child = os.fork()
if child == 0:
    session, second = opened()
    sys.exit(0 if first == second else 7)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    # A group of its own: the child is waited for by a process that a time limit would end.
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    try:
        assert process.wait(timeout=60) == 0
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
