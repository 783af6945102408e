"""Runs that are asked to end, by the signals themselves."""

import signal

import pytest
from lightning.pytorch.callbacks import Callback

from mien.training.curves import read_curves
from mien.training.interruption import InterruptedRun
from mien.training.run import train

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # Lightning warns about what small tests do on purpose
    pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="Lightning hears no SIGTERM on Windows"),
]


class Sends(Callback):
    """Sends this process a signal at the start of an epoch, counted from 0."""

    def __init__(self, number, epoch):
        self.number, self.epoch = number, epoch

    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch == self.epoch:
            signal.raise_signal(self.number)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_a_run_with_its_code_and_the_run_goes_on_later(
    tmp_path, small_recipe, drawn_samples, number, code
):
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
    halves = drawn_samples.of_split("Training"), drawn_samples.of_split("PublicTest")
    with pytest.raises(InterruptedRun) as caught:
        train(small_recipe(3), *halves, tmp_path / "run", callbacks=(Sends(number, 2),))
    assert caught.value.code == code
    assert caught.value.in_words() == "interrupted after epoch 2"
    assert caught.value.first_process
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)] == before
    folder = train(small_recipe(3), *halves, tmp_path / "run", resume=True)
    assert read_curves(folder.curves).epochs == (1, 2, 3)


def test_in_the_first_epoch_nothing_is_kept(tmp_path, small_recipe, drawn_samples):
    with pytest.raises(InterruptedRun) as caught:
        train(small_recipe(1), drawn_samples, drawn_samples, tmp_path / "run", callbacks=(Sends(signal.SIGTERM, 0),))
    assert caught.value.in_words() == "interrupted in the first epoch"


def test_other_ends_of_the_process_are_left_alone(tmp_path, small_recipe, drawn_samples):
    class Ends(Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            raise SystemExit(7)

    with pytest.raises(SystemExit) as caught:
        train(small_recipe(1), drawn_samples, drawn_samples, tmp_path / "run", callbacks=(Ends(),))
    assert (type(caught.value), caught.value.code) == (SystemExit, 7)
