import pytest

from mien.experiments.curves_figure import curves_figure
from mien.training.curves import Curves


def curves(losses):
    count = len(losses)
    train = tuple(2 - 0.1 * epoch for epoch in range(count))
    return Curves(
        tuple(range(1, count + 1)),
        {"train/loss": train, "train/fer7": (0.5,) * count, "validation/loss": tuple(losses), "validation/fer7": train},
    )


def test_overfitting_is_found_and_said_in_words():
    found = curves([2.0, 1.5, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9])
    assert found.turning_point == 3
    assert found.in_words() == (
        "Overfitting from epoch 3 on: the validation loss rises from 1.200 to 1.900 while the training loss falls to "
        "1.100."
    )
    assert found.heads == ("fer7",)


def test_losses_that_both_rise_are_no_overfitting():
    risen = curves([2.0, 1.5, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9])
    assert risen.overfits
    risen.values["train/loss"] = (2.0, 1.8, 1.6, 2.0, 3.0, 3.0, 3.0, 3.0, 3.0, 2.5)
    assert not risen.overfits
    assert risen.in_words() == (
        "No overfitting, but losses that rise: from epoch 3 on that of validation from 1.200 to 1.900 and that of "
        "training from 1.600 to 2.500; a lower optimiser.rate may help."
    )
    labels = [line.get_label() for line in curves_figure(risen, title="a").axes[0].lines]
    assert labels[-1] == "lowest validation loss"


@pytest.mark.parametrize(
    "losses", [[2.0, 1.5, 1.2, 1.1, 1.0], [2.0], [*(2.0 - epoch / 10 for epoch in range(9)), 1.25]]
)
def test_a_lowest_loss_at_the_end_is_no_overfitting(losses):
    assert curves(losses).turning_point is None
    assert curves(losses).in_words().startswith(f"No overfitting up to epoch {len(losses)}:")
