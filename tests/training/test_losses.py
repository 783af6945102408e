import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, f1_score
from torch.nn import functional

from mien.training.head_recipe import HeadRecipe
from mien.training.losses import class_balance, head_loss, head_score
from mien.training.targets import Target

DRAW = torch.Generator().manual_seed(0)
LOGITS = torch.randn(40, 5, generator=DRAW)
CLASSES = torch.randint(0, 5, (40,), generator=DRAW)
ONE = Target(functional.one_hot(CLASSES, 5).float(), torch.ones(40))
SEVERAL = Target((torch.rand(40, 5, generator=DRAW) < 0.3).float(), torch.ones(40))


def test_one_label_is_pytorchs_cross_entropy():
    head = HeadRecipe(smoothing=0.1)
    expected = functional.cross_entropy(LOGITS, CLASSES, label_smoothing=0.1)
    assert head_loss(LOGITS, ONE, head, None) == pytest.approx(expected.item(), rel=1e-5)


def test_pictures_without_an_answer_do_not_count():
    known = (torch.arange(40) % 3 > 0).float()
    kept = known > 0
    half = Target(ONE.values * known[:, None], known)
    expected = functional.cross_entropy(LOGITS[kept], CLASSES[kept])
    assert head_loss(LOGITS, half, HeadRecipe(), None) == pytest.approx(expected.item(), rel=1e-5)
    nobody = Target(torch.zeros(40, 5), torch.zeros(40))
    assert head_loss(LOGITS, nobody, HeadRecipe(), None) == 0


def test_several_labels_are_pytorchs_binary_cross_entropy():
    head = HeadRecipe(task="multi", target="votes")
    expected = functional.binary_cross_entropy_with_logits(LOGITS, SEVERAL.values)
    assert head_loss(LOGITS, SEVERAL, head, None) == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize(
    ("task", "target"), [({}, ONE), ({"task": "multi", "target": "votes"}, SEVERAL)], ids=["one", "several"]
)
def test_focal_loss_of_gamma_zero_is_cross_entropy_and_cares_less_for_what_is_right(task, target):
    plain = HeadRecipe(**task)
    zero, two = (HeadRecipe(**task, loss="focal", focal_gamma=gamma) for gamma in (0, 2))
    assert head_loss(LOGITS, target, zero, None) == pytest.approx(head_loss(LOGITS, target, plain, None).item())
    right = (target.values * 2 - 1) * 6
    ratio_right = head_loss(right, target, two, None) / head_loss(right, target, plain, None)
    ratio_wrong = head_loss(-right, target, two, None) / head_loss(-right, target, plain, None)
    assert ratio_right < 0.01 < 0.9 < ratio_wrong


@pytest.mark.parametrize("gamma", [0, 0.5, 1, 2])
@pytest.mark.parametrize(
    ("task", "target"), [({}, ONE), ({"task": "multi", "target": "votes"}, SEVERAL)], ids=["one", "several"]
)
def test_focal_loss_has_a_gradient_where_the_answer_is_certain(task, target, gamma):
    logits = ((target.values * 2 - 1) * 200).requires_grad_()  # the probabilities are 0 and 1 in float32
    loss = head_loss(logits, target, HeadRecipe(**task, loss="focal", focal_gamma=gamma), None)
    loss.backward()
    assert loss == 0
    assert torch.isfinite(logits.grad).all()


def test_balanced_classes_weigh_alike():
    head = HeadRecipe(class_weights="balanced")
    values = functional.one_hot(torch.tensor([0] * 30 + [1] * 10), 2).float()
    weights = class_balance(Target(values, torch.ones(40)), head)
    assert weights.tolist() == pytest.approx([40 / 60, 2.0])
    positives = class_balance(Target(values[:, 1:], torch.ones(40)), HeadRecipe(task="gate", class_weights="balanced"))
    assert positives.tolist() == [3.0]
    assert class_balance(ONE, HeadRecipe()) is None


def test_scores_are_scikit_learns():
    multi = HeadRecipe(task="multi", target="votes")
    expected = f1_score(SEVERAL.values.numpy(), LOGITS.numpy() > 0, average="macro")
    assert head_score(LOGITS, SEVERAL, multi) == pytest.approx(expected)
    gate = Target(SEVERAL.values[:, :1], torch.ones(40))
    expected = balanced_accuracy_score(gate.values[:, 0].numpy(), LOGITS[:, 0].numpy() > 0)
    assert head_score(LOGITS[:, :1], gate, HeadRecipe(task="gate")) == pytest.approx(expected)
    assert head_score(LOGITS, ONE, HeadRecipe()) == pytest.approx((LOGITS.argmax(1) == CLASSES).float().mean().item())
