from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mien.data.record import TableMeta
from mien.data.samples import Samples
from mien.errors import OutputError, RecipeError, WeightsError
from mien.inference.scores import score_crops
from mien.inference.session import Session
from mien.inference.weights import emotion_model
from mien.labels import FER7, FERPLUS10
from mien.training.recipe import Recipe
from mien.training.targets import Target, Targets, targets_of
from mien.training.teaching import TeacherModels, ask, blended, kept_answers

CROPS = np.random.default_rng(0).integers(0, 256, (9, 1, 48, 48), dtype=np.uint8)


def pictures(crops=CROPS, labels=FER7):
    count = len(crops)
    votes = np.tile(np.array([10] + [0] * 9, np.float32), (count, 1))
    codes = np.zeros(count, np.int64)
    split = np.array(["Training"] * count)
    present, asked = np.zeros((count, len(labels)), bool), np.zeros(count, bool)
    meta = TableMeta(labels, license="", layout="x")
    return Samples(np.arange(count).astype(str), crops, codes, votes, split, codes, present, meta, asked)


def recipe(of=("fer7",), **teacher):
    known = {"fer7": {}, "ferplus8": {"target": "votes"}, "ck8": {}, "face": {"task": "gate"}}
    settings = {"models": ["mien-compact"], **teacher}
    return Recipe(name="a", heads={name: known[name] for name in of}, teacher=settings)


def test_one_view_gives_the_model_s_own_probabilities():
    session = Session(emotion_model("mien-compact"))
    found = ask(recipe(("fer7", "ferplus8"), views=1), pictures())
    assert set(found) == {"fer7", "ferplus8"}
    for name, values in found.items():
        expected = score_crops(session, CROPS, session.card.head(name))
        assert values.numpy() == pytest.approx(expected, abs=1e-6)


def test_two_views_average_the_mirror_image():
    flipped = np.ascontiguousarray(CROPS[..., ::-1])
    one, other = (ask(recipe(views=1), pictures(crops))["fer7"] for crops in (CROPS, flipped))
    assert torch.allclose(ask(recipe(views=2), pictures())["fer7"], (one + other) / 2, atol=1e-6)


def test_ten_views_look_at_the_corners_too():
    blank = np.full((1, 1, 48, 48), 90, np.uint8)
    ten, one = (ask(recipe(views=views), pictures(blank))["fer7"] for views in (10, 1))
    assert torch.allclose(ten, one, atol=1e-5)  # where nothing is to be seen, every corner is alike
    whole = ask(recipe(views=2), pictures())["fer7"]
    corners = []
    for top, left in ((0, 0), (0, 4), (4, 0), (4, 4)):
        cut = [cv2.resize(crop[0, top : top + 44, left : left + 44], (48, 48)) for crop in CROPS]
        corners.append(ask(recipe(views=2), pictures(np.stack(cut)[:, None]))["fer7"])
    found = ask(recipe(views=10), pictures())["fer7"]
    assert torch.allclose(found, (whole + sum(corners)) / 5, atol=2e-3)  # OpenCV rounds some pixels otherwise
    assert not torch.allclose(found, whole, atol=2e-2)


def test_a_temperature_softens():
    sharp, soft = (ask(recipe(temperature=value), pictures())["fer7"] for value in (1.0, 4.0))
    assert (soft.max(1).values < sharp.max(1).values).all()


def test_blending_mixes_what_is_known():
    target = Target(torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.tensor([1.0, 0.0]))
    found = blended(Targets({"a": target, "b": target}), {"a": torch.tensor([[0.2, 0.8], [0.5, 0.5]])}, share=0.25)
    assert torch.allclose(found["a"].values, torch.tensor([[0.8, 0.2], [0.0, 0.0]]))
    assert torch.equal(found["a"].known, target.known)
    assert found["b"] is target


def test_a_batch_is_asked_about_as_it_was_changed(tmp_path):
    each = recipe(views=1, each_batch=True)
    assert kept_answers(each, pictures(), tmp_path / "teacher.safetensors") is None
    changed = CROPS // 2
    models, known = TeacherModels(each), targets_of(pictures(), each)
    whole = ask(recipe(views=1), pictures(changed))["fer7"]
    assert torch.allclose(models.answers_to(torch.from_numpy(changed) + 0.3, known)["fer7"], whole, atol=1e-6)
    some = torch.arange(9) % 2 == 0
    targets = [Targets({"fer7": Target(known["fer7"].values, known["fer7"].known * part)}) for part in (some, ~some)]
    half = models.answers_to(torch.from_numpy(changed), targets[0])["fer7"]
    assert torch.allclose(half[some], whole[some], atol=1e-4)  # int8 is not blind to the other pictures of a batch
    assert not half[~some].any()
    assert models.answers_to(torch.from_numpy(changed), *targets)["fer7"].all()


def test_answers_are_asked_for_once(tmp_path):
    kept = tmp_path / "teacher.safetensors"
    assert kept_answers(Recipe(name="a", heads={"fer7": {}}), pictures(), kept) is None
    first = kept_answers(recipe(), pictures(), kept)
    time = kept.stat().st_mtime_ns
    again = kept_answers(recipe(), pictures(), kept)
    assert kept.stat().st_mtime_ns == time
    assert torch.equal(first["fer7"], again["fer7"])
    with pytest.raises(RecipeError, match=r"answers to other pictures; delete it"):
        kept_answers(recipe(), pictures(CROPS[:3]), kept)
    others = replace(pictures(), ids=np.array([f"other-{number}" for number in range(9)]))
    with pytest.raises(RecipeError, match=r"answers to other pictures; delete it"):
        kept_answers(recipe(), others, kept)
    copies = {name: answer.clone() for name, answer in first.items()}  # not the file itself, mapped into memory
    save_file(copies, kept)  # as earlier versions wrote it: to which pictures, only their number tells
    assert torch.equal(kept_answers(recipe(), pictures(), kept)["fer7"], copies["fer7"])
    kept.write_bytes(b"x" * 40)
    with pytest.raises(RecipeError, match=r"cannot be read; delete it"):
        kept_answers(recipe(), pictures(), kept)


def test_answers_that_a_full_disk_cannot_hold(tmp_path, full_disk):
    many = pictures(np.repeat(CROPS, 80, axis=0))
    with full_disk(), pytest.raises(OutputError, match=r"teacher\.safetensors: cannot be written .*make room"):
        kept_answers(recipe(views=1), many, tmp_path / "teacher.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_teacher_that_does_not_fit():
    with pytest.raises(RecipeError, match=r"mien-compact looks at gray crops of 48 px, the recipe at rgb of 48"):
        ask(
            Recipe(name="a", heads={"fer7": {}}, crop={"color": "rgb"}, teacher={"models": ["mien-compact"]}),
            pictures(),
        )
    with pytest.raises(RecipeError, match=r"has none of the heads to teach \(ck8\); it has fer7, ferplus8"):
        ask(recipe(("ck8",)), pictures())
    others = Recipe(name="a", heads={"fer7": {"labels": ["anger", "neutral"]}}, teacher={"models": ["mien-compact"]})
    with pytest.raises(RecipeError, match=r"head fer7 of mien-compact has other labels"):
        ask(others, pictures())
    with pytest.raises(WeightsError, match=r"gone\.onnx: no such weight file"):
        ask(recipe(models=["gone.onnx"]), pictures())


def test_teachers_teach_the_heads_that_are_named():
    assert set(ask(recipe(("fer7", "ferplus8"), heads=["ferplus8"], views=1), pictures())) == {"ferplus8"}
    with pytest.raises(RecipeError, match=r"has none of the heads to teach \(ck8\)"):
        ask(recipe(("fer7", "ck8"), heads=["ck8"]), pictures())
    with pytest.raises(ValueError, match=r"teacher.heads: face is none of the recipe's heads \(fer7\)"):
        Recipe(name="a", heads={"fer7": {}}, teacher={"models": ["mien-compact"], "heads": ["face"]})


def test_pictures_that_teach_none_of_the_heads_are_not_looked_at(monkeypatch):
    samples = pictures(labels=FERPLUS10)
    samples.codes[:4] = FERPLUS10.index("not_face")
    seen = []
    logits = Session.logits

    def counted(self, crops, heads):
        seen.append(len(crops))
        return logits(self, crops, heads)

    monkeypatch.setattr(Session, "logits", counted)
    found = ask(recipe(("fer7", "face"), views=1), samples)
    assert seen == [5]
    assert (found["fer7"][:4] == 0).all()
    assert found["fer7"][4:].sum(1) == pytest.approx(torch.ones(5))
