import pytest
import torch
from torch.nn import functional

from mien.data.votes import plurality
from mien.training.lesson import Batches, Lesson, Targets, build_network
from mien.training.recipe import Recipe, read_recipe


def test_an_epoch_is_the_same_again_and_another_is_not(drawn_samples):
    first, again, other = (
        torch.cat([crops for crops, _ in Batches(drawn_samples, batch=10, order=(1, epoch))]) for epoch in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert len(first) == 60  # the last, smaller batch is left out of a shuffled epoch


def test_in_order_nothing_is_left_out(drawn_samples):
    batches = Batches(drawn_samples, batch=10)
    assert len(batches) == 7
    assert torch.equal(torch.cat([crops for crops, _ in batches]), torch.from_numpy(drawn_samples.crops))


def test_targets_mask_what_has_no_votes(drawn_samples):
    targets = Targets.of(drawn_samples)
    assert targets.voted[-4:].tolist() == [0] * 4
    assert targets.votes.sum(dim=1) == pytest.approx(targets.voted)
    assert targets.plurality.tolist() == plurality(drawn_samples.votes).tolist()


def test_the_loss_is_the_weighted_sum_that_the_recipe_says(drawn_samples, small_recipe):
    recipe = read_recipe(small_recipe(1))
    lesson = Lesson(recipe, drawn_samples, drawn_samples)
    targets = Targets.of(drawn_samples)
    logits = {"fer7": torch.randn(64, 7), "ferplus8": torch.randn(64, 8)}
    votes = targets.votes[:60]
    kept = targets.voted[:60] > 0
    fer7 = functional.cross_entropy(logits["fer7"], targets.fer7, label_smoothing=0.1)
    ferplus8 = functional.cross_entropy(logits["ferplus8"][:60][kept], votes[kept])
    assert lesson._loss(logits, targets).item() == pytest.approx(0.5 * fer7.item() + ferplus8.item(), rel=1e-5)


def test_networks_of_a_seed_are_equal_and_leave_the_global_seed_alone():
    torch.manual_seed(9)
    expected = torch.rand(1)
    torch.manual_seed(9)
    first, again = (build_network(Recipe(name="a", seed=4), channels=1) for _ in range(2))
    assert torch.equal(torch.rand(1), expected)
    for a, b in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
