"""Networks that learn together, on the CPU; what a GPU records is compared where there is one."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from mien.data.record import TableMeta
from mien.errors import DataError, RecipeError, TrainingError, WeightsError
from mien.labels import FERPLUS10
from mien.training import classroom, pupils
from mien.training.classroom import Classroom, logits_of
from mien.training.networks.building import build_network

CPU = torch.device("cpu")
CHANGES = ("augmentation.mixup=0", "augmentation.erase=0", "augmentation.shift=0", "augmentation.rotation_degrees=0")

TWO = tuple(f"heads.{head}.labels=['happiness', 'sadness']" for head in ("fer7", "ferplus8"))


@pytest.fixture
def bright_or_dark(drawn_samples):
    """Half of the pictures are happy and bright below, the others sad and bright above."""
    below = np.arange(64) % 2 == 0
    crops = np.zeros((64, 1, 48, 48), np.uint8)
    crops[below, :, 24:] = 200
    crops[~below, :, :24] = 200
    votes = np.zeros((64, 10), np.float32)
    votes[below, 1], votes[~below, 3] = 10, 10
    codes = np.where(below, 3, 4)
    return replace(drawn_samples, crops=crops, fer7=codes, codes=codes, votes=votes)


def test_networks_of_two_recipes_learn_from_the_same_batches(small_recipe, bright_or_dark):
    plain = small_recipe(1, *CHANGES, *TWO, "optimiser.average=0.5")
    dense = small_recipe(1, *CHANGES, *TWO, "optimiser.average=0.5", "name=dense", model='kind = "mlp"')
    told = []
    room = Classroom([plain, dense], bright_or_dark, bright_or_dark, device=CPU)
    assert room.learn(epochs=25, tell=told.append) == 25
    for network in room.networks().values():
        assert not network.training
        answers = logits_of([network], torch.from_numpy(bright_or_dark.crops))
        assert (answers["fer7"].argmax(1).numpy() + 3 == bright_or_dark.fer7).mean() > 0.9
    assert "small fer7 " in told[-1]
    assert "dense fer7 " in told[-1]


def test_time_decides_how_many_epochs_there_are(small_recipe, drawn_samples, monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr(classroom.time, "monotonic", lambda: next(clock))
    told = []
    room = Classroom([small_recipe(1)], drawn_samples, drawn_samples, device=CPU)
    # Every look at the clock is a second later than the last: an epoch takes one, and after two of them it is four.
    assert room.learn(seconds=10, tell=told.append) == 2 + 6
    assert told[0].startswith("8 epochs of 4 steps, 1.00 s each, after 4 s")


def test_pictures_of_groups_are_their_share_of_every_batch(small_recipe, drawn_samples):
    codes = np.append(np.arange(48) % 8, [FERPLUS10.index("not_face")] * 16)
    samples = replace(drawn_samples, codes=codes, meta=TableMeta(FERPLUS10, license="", layout="gate"))
    samples.crops[48:] = 0
    room = Classroom([small_recipe(1, "data.shares={not_face=0.25}", *CHANGES)], samples, samples, device=CPU)
    batches = list(room.batches())
    assert len(batches) == room.steps == 4
    for x, targets in batches:
        blank = x.flatten(1).std(1) < 1
        assert blank.tolist() == [False] * 12 + [True] * 4
        assert len(targets["fer7"].values) == 16


def test_blended_targets_are_the_blend_of_both_losses(small_recipe, drawn_samples):
    recipe = small_recipe(1, "augmentation.mixup=1.0")
    room = Classroom([recipe], drawn_samples, drawn_samples, device=CPU)
    x = torch.from_numpy(drawn_samples.crops[:16]).float()
    targets = room._targets.take(torch.arange(52, 64).repeat(2)[:16])  # the last four have no votes
    mixed, blended = room._blended(x, targets)
    assert not torch.allclose(mixed, x)
    votes = blended["ferplus8"]
    assert votes.values.sum(1)[votes.known > 0].numpy() == pytest.approx(1, abs=1e-5)
    assert ((votes.known > 0) & (votes.known < 1)).any()
    assert votes.known.sum().item() == pytest.approx(targets["ferplus8"].known.sum().item(), abs=1e-4)


class Knows(nn.Module):
    """Says happiness to everything."""

    def forward(self, pixels):
        """(n, 1, 48, 48) -> a sure answer."""
        logits = torch.zeros(len(pixels), 7)
        logits[:, 3] = 20
        return {"fer7": logits}


def test_pupils_take_their_share_of_what_teachers_say(small_recipe, drawn_samples):
    recipe = small_recipe(1, "teacher.share=0.75", "teacher.heads=['fer7']")
    room = Classroom([recipe], drawn_samples, drawn_samples, teachers=[Knows(), Knows()], device=CPU)
    (pupil,) = room._pupils.values()
    given, taught = room._given["fer7"], pupil._target("fer7")
    assert taught.values.numpy() == pytest.approx(0.25 * given.values.numpy() + 0.75 * np.eye(7)[3], abs=1e-6)
    assert torch.equal(pupil._target("ferplus8").values, room._given["ferplus8"].values)
    pupil = pupils.Pupil(small_recipe(1), drawn_samples, room._x, room._given, {}, CPU)
    assert torch.equal(pupil._target("fer7").values, given.values)


def test_the_rate_rises_then_falls_to_nothing(small_recipe, drawn_samples):
    room = Classroom([small_recipe(1, "optimiser.rate=0.4")], drawn_samples, drawn_samples, device=CPU)
    (pupil,) = room._pupils.values()
    rates = []
    for step in range(40):
        pupil.set_rate(step, 40, 4)
        rates.append(pupil._rate.item())
    assert max(rates) == pytest.approx(0.4) == rates[7] == rates[8]
    assert rates[0] == pytest.approx(0.05)
    assert rates[-1] < 0.001
    assert np.diff(rates[8:]).max() < 0


def test_a_pupil_begins_with_the_weights_that_its_recipe_names(small_recipe, drawn_samples, tmp_path):
    from safetensors.torch import save_file

    recipe = small_recipe(1)
    weights = {name: value + 1 for name, value in build_network(recipe).state_dict().items()}
    save_file(weights, tmp_path / "begun.safetensors")
    begun = small_recipe(1, f"start='{(tmp_path / 'begun.safetensors').as_posix()}'")
    network = Classroom([begun], drawn_samples, drawn_samples, device=CPU).networks()["small"]
    for name, value in network.state_dict().items():
        assert torch.equal(value, weights[name])


def test_what_is_cut_off_goes_on_as_if_it_had_not_been(small_recipe, drawn_samples, tmp_path, monkeypatch):
    monkeypatch.setattr(classroom, "KEEP_EVERY", 0)
    monkeypatch.setattr(classroom, "TELL_EVERY", 3)
    recipes = [small_recipe(1, "model.dropout=0", "augmentation.mixup=0.5")]

    def cut_off(line):
        raise KeyboardInterrupt

    def weights(room):
        return room.networks()["small"].state_dict()

    unbroken = Classroom(recipes, drawn_samples, drawn_samples, device=CPU)
    unbroken.learn(epochs=5)
    keep = tmp_path / "a.ckpt"
    with pytest.raises(KeyboardInterrupt):
        Classroom(recipes, drawn_samples, drawn_samples, device=CPU).learn(epochs=5, keep=keep, tell=cut_off)
    again, told = Classroom(recipes, drawn_samples, drawn_samples, device=CPU), []
    assert again.learn(epochs=9, keep=keep, tell=told.append) == 5
    assert told[0] == "going on after epoch 3 of 5"
    for name, value in weights(unbroken).items():
        assert torch.equal(value, weights(again)[name]), name


def test_a_checkpoint_of_something_else_is_an_error(small_recipe, drawn_samples, tmp_path):
    keep = tmp_path / "a.ckpt"
    Classroom([small_recipe(1)], drawn_samples, drawn_samples, device=CPU).learn(epochs=1, keep=keep)
    fewer = drawn_samples.take(np.arange(48))
    for recipe, samples in ((small_recipe(1, "optimiser.rate=0.3"), drawn_samples), (small_recipe(1), fewer)):
        other = Classroom([recipe], samples, samples, device=CPU)
        with pytest.raises(RecipeError, match=r"a\.ckpt: is the checkpoint of other recipes or pictures; delete it"):
            other.learn(epochs=1, keep=keep)
    others = Classroom([small_recipe(1)], drawn_samples.take(np.arange(64)[::-1]), drawn_samples, device=CPU)
    with pytest.raises(RecipeError, match=r"a\.ckpt: is the checkpoint of other recipes or pictures"):
        others.learn(epochs=1, keep=keep)
    state = torch.load(keep, weights_only=True)
    del state["pictures"]  # as an earlier version wrote it
    torch.save(state, keep)
    assert others.learn(epochs=1, keep=keep) == 1
    state_bytes = keep.read_bytes()
    torch.save({"state_dict": {}}, keep)  # such as a run's
    with pytest.raises(RecipeError, match=r"a\.ckpt: is the checkpoint of other recipes or pictures"):
        others.learn(epochs=1, keep=keep)
    for damaged in (state_bytes[:1000], b"no checkpoint", b""):
        keep.write_bytes(damaged)
        with pytest.raises(WeightsError, match=r"a\.ckpt: is no checkpoint that can be read \(damaged\); delete it"):
            other.learn(epochs=1, keep=keep)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("optimiser.kind=adamw", "optimiser.kind = 'adamw'"),
        ("optimiser.schedule=plateau", "optimiser.schedule = 'plateau'"),
        ("augmentation.cutmix=0.2", "augmentation.cutmix = 0.2"),
        ("loop.sides=[24, 48]", "loop.sides = .24, 48."),
        ("loop.batch=8", "loop.batch = 8"),
        ("heads.fer7.labels=['anger', 'fear']", "other heads or labels than small"),
        ("teacher.models=['mien-nano']", "teacher.models = .'mien-nano'.: .*leave it out"),
    ],
)
def test_what_is_not_done_here_is_an_error(small_recipe, drawn_samples, change, named):
    with pytest.raises(RecipeError, match=f"other: .*{named}"):
        Classroom([small_recipe(1), small_recipe(1, "name=other", change)], drawn_samples, drawn_samples, device=CPU)


def test_two_recipes_of_one_name_are_an_error(small_recipe, drawn_samples):
    with pytest.raises(RecipeError, match=r"small: is the name of two recipes; .*change one of them"):
        Classroom([small_recipe(1), small_recipe(1, "seed=9")], drawn_samples, drawn_samples, device=CPU)


def test_a_label_without_pictures_is_an_error(small_recipe, drawn_samples):
    fewer = drawn_samples.take(drawn_samples.fer7 != 1)
    with pytest.raises(DataError, match="no picture of 'Training' shows disgust"):
        Classroom([small_recipe(1)], fewer, drawn_samples, device=CPU)


def test_weights_that_are_no_numbers_end_the_training_in_one_line(small_recipe, drawn_samples):
    room = Classroom([small_recipe(1, "optimiser.rate=1e30")], drawn_samples, drawn_samples, device=CPU)
    with pytest.raises(TrainingError, match="small: weights are no numbers any more in epoch 1"):
        room.learn(epochs=3)


def test_one_epoch_is_one(small_recipe, drawn_samples):
    assert Classroom([small_recipe(1)], drawn_samples, drawn_samples, device=CPU).learn(epochs=1) == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_recorded_steps_learn_what_unrecorded_ones_do(small_recipe, bright_or_dark):
    device = torch.device("cuda")
    found = []
    for name in ("cuda", "none"):
        room = Classroom([small_recipe(1, *CHANGES, *TWO)], bright_or_dark, bright_or_dark, device=device)
        if name == "none":
            for pupil in room._pupils.values():
                pupil.record = lambda pupil=pupil: setattr(pupil, "work", pupils.Recorded(pupil._learn, CPU))
        room.learn(epochs=4)
        found.append(logits_of(list(room.networks().values()), torch.from_numpy(bright_or_dark.crops).to(device)))
    assert torch.allclose(found[0]["fer7"], found[1]["fer7"], atol=0.1)
