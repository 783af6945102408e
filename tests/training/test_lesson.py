import json

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import Callback

from mien.errors import OutputError, RecipeError, TrainingError
from mien.training.checkpoints import read_checkpoint
from mien.training.curves import read_curves
from mien.training.lesson import Lesson
from mien.training.losses import head_loss
from mien.training.networks.building import build_network
from mien.training.recipe import Recipe
from mien.training.run import train
from mien.training.targets import targets_of
from mien.training.teaching import blended


def test_the_loss_is_the_weighted_sum_that_the_recipe_says(drawn_samples, small_recipe):
    recipe = small_recipe(1)
    lesson = Lesson(recipe, drawn_samples, drawn_samples)
    targets = targets_of(drawn_samples, recipe)
    logits = {"fer7": torch.randn(64, 7), "ferplus8": torch.randn(64, 8)}
    parts = {name: head_loss(logits[name], targets[name], head, None) for name, head in recipe.heads.items()}
    expected = 0.5 * parts["fer7"] + parts["ferplus8"]
    assert lesson._loss(logits, targets).item() == pytest.approx(expected.item(), rel=1e-5)


def answered_at_random(lesson, monkeypatch):
    """Make the network of a lesson say one thing to every batch, log nothing, and return what it says."""
    draw = torch.Generator().manual_seed(0)
    logits = {name: torch.randn(64, labels, generator=draw) for name, labels in (("fer7", 7), ("ferplus8", 8))}
    monkeypatch.setattr(lesson, "_network", lambda: lambda x: logits)
    monkeypatch.setattr(lesson, "log", lambda *args, **options: None)
    return logits


@pytest.mark.parametrize("mixing", ["mixup", "cutmix"])
def test_mixed_batches_learn_from_both_partners(drawn_samples, small_recipe, mixing, monkeypatch):
    lesson = Lesson(small_recipe(1, "augmentation.mixup=0", f"augmentation.{mixing}=1.0"), drawn_samples, drawn_samples)
    lesson.trainer = lightning.Trainer(logger=False, enable_checkpointing=False)
    logits = answered_at_random(lesson, monkeypatch)
    targets = targets_of(drawn_samples, lesson.recipe)
    _, partner, share = lesson._changed(torch.from_numpy(drawn_samples.crops))
    expected = share * lesson._loss(logits, targets) + (1 - share) * lesson._loss(logits, targets.take(partner))
    assert 0 < share < 1
    assert lesson.training_step((torch.from_numpy(drawn_samples.crops), targets), 0) == pytest.approx(expected.item())


@pytest.mark.parametrize("mixup", [0, 1])
def test_teachers_answer_to_the_batch_that_the_network_sees(drawn_samples, small_recipe, mixup, monkeypatch):
    asked = ("teacher.models=['mien-compact']", "teacher.each_batch=true", "teacher.share=0.75", "teacher.views=1")
    lesson = Lesson(small_recipe(1, f"augmentation.mixup={mixup}", *asked), drawn_samples, drawn_samples)
    lesson.trainer = lightning.Trainer(logger=False, enable_checkpointing=False)
    logits = answered_at_random(lesson, monkeypatch)
    targets = targets_of(drawn_samples, lesson.recipe)
    x, partner, share = lesson._changed(torch.from_numpy(drawn_samples.crops))
    both = [targets] if partner is None else [targets, targets.take(partner)]
    said = lesson._models.answers_to(x, *both)
    parts = [lesson._loss(logits, blended(each, said, share=0.75)) for each in both]
    expected = parts[0] if partner is None else share * parts[0] + (1 - share) * parts[1]
    found = lesson.training_step((torch.from_numpy(drawn_samples.crops), targets), 0)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    assert found.item() != pytest.approx(lesson._loss(logits, targets).item(), rel=1e-3)


def test_crops_grow_over_equal_parts_of_the_epochs(drawn_samples, small_recipe, tmp_path):
    seen = []

    class Looks(Callback):
        def on_train_epoch_end(self, trainer, pl_module):
            seen.append(pl_module._changed(torch.from_numpy(drawn_samples.crops))[0].shape[1:])

    recipe = small_recipe(4, "loop.sides=[16, 24]")
    train(recipe, drawn_samples, drawn_samples, tmp_path / "run", callbacks=(Looks(),))
    assert seen == [(1, 16, 16)] * 2 + [(1, 24, 24)] * 2


def test_training_and_validation_have_the_same_score(drawn_samples, small_recipe, monkeypatch):
    lesson = Lesson(small_recipe(1), drawn_samples, drawn_samples)
    lesson.trainer = lightning.Trainer(logger=False, enable_checkpointing=False)
    targets = targets_of(drawn_samples, lesson.recipe)
    logits = {name: torch.randn(64, target.values.shape[1]) for name, target in targets.by_head.items()}
    logged = {}
    monkeypatch.setattr(lesson, "_changed", lambda crops: (crops, None, 1.0))
    monkeypatch.setattr(lesson, "log", lambda name, value, **options: logged.setdefault(name, float(value)))
    lesson.on_validation_epoch_start()
    for half in (torch.arange(32), torch.arange(32, 64)):
        part = {name: value[half] for name, value in logits.items()}
        monkeypatch.setattr(lesson, "_network", lambda part=part: lambda x: part)
        lesson.training_step((torch.from_numpy(drawn_samples.crops)[half], targets.take(half)), 0)
        lesson._answers.append(part)
    lesson.on_validation_epoch_end()
    for name in logits:
        assert 0 < logged[f"train/{name}"] == pytest.approx(logged[f"validation/{name}"])
    one, other = (logged[f"validation/{name}"] for name in logits)
    assert one != other
    assert logged["validation/score"] == pytest.approx((one + other) / 2)


def test_a_loss_that_is_no_number_ends_the_training_in_one_line(drawn_samples, small_recipe, monkeypatch):
    lesson = Lesson(small_recipe(1), drawn_samples, drawn_samples)
    lesson.trainer = lightning.Trainer(logger=False, enable_checkpointing=False)
    logits = {"fer7": torch.full((64, 7), torch.nan), "ferplus8": torch.zeros(64, 8)}
    monkeypatch.setattr(lesson, "_network", lambda: lambda x: logits)
    batch = torch.from_numpy(drawn_samples.crops), targets_of(drawn_samples, lesson.recipe)
    with pytest.raises(TrainingError, match=r"the loss is nan in epoch 1, step 3.*lower optimiser.rate"):
        lesson.training_step(batch, 2)


def test_networks_of_a_seed_are_equal_and_leave_the_global_seed_alone():
    torch.manual_seed(9)
    expected = torch.rand(1)
    torch.manual_seed(9)
    recipe = Recipe(name="a", seed=4, heads={"fer7": {}})
    first, again = (build_network(recipe) for _ in range(2))
    assert torch.equal(torch.rand(1), expected)
    for a, b in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


class Cut(Callback):
    """Ends a training in the middle of an epoch, counted from 0."""

    def __init__(self, epoch):
        self._epoch = epoch

    def on_train_batch_start(self, trainer, *_):
        if trainer.current_epoch == self._epoch:
            raise InterruptedError


@pytest.mark.filterwarnings("ignore")
def test_a_plateau_s_schedule_goes_on_where_it_was(tmp_path, drawn_samples, small_recipe):
    changes = ("optimiser.schedule=plateau", "optimiser.rate=0.3", "optimiser.average=0", "loop.precision=32")
    recipe = small_recipe(5, *changes)
    whole = train(recipe, drawn_samples, drawn_samples, tmp_path / "whole")
    for epoch in (2, 3):
        with pytest.raises(OutputError, match=r"go on with --resume"):
            train(recipe, drawn_samples, drawn_samples, tmp_path / "cut", resume=epoch > 2, callbacks=(Cut(epoch),))
    cut = train(recipe, drawn_samples, drawn_samples, tmp_path / "cut", resume=True)
    schedules = [read_checkpoint(folder.last_checkpoint)["lr_schedulers"][0] for folder in (whole, cut)]
    assert [schedule["last_epoch"] for schedule in schedules] == [5, 5]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("monitor", "values"), [("score", (0.2, 0.6, 0.4, 0.5, 0.3)), ("loss", (2.0, 1.0, 1.5, 1.2, 1.4))]
)
def test_what_the_recipe_says_chooses_the_epoch_and_is_waited_for(
    tmp_path, drawn_samples, small_recipe, monkeypatch, monitor, values
):
    key, given, log = f"validation/{monitor}", iter(values), Lesson.log

    def scripted(lesson, name, value, **options):
        log(lesson, name, next(given) if name == key else value, **options)

    monkeypatch.setattr(Lesson, "log", scripted)
    recipe = small_recipe(5, f"loop.monitor={monitor}", "loop.patience=2")
    folder = train(recipe, drawn_samples, drawn_samples, tmp_path / "run")
    assert read_curves(folder.curves).values[key] == pytest.approx(values[:4])  # two in a row are no better
    facts = json.loads(folder.facts.read_text())
    assert (facts["epoch"], facts["epochs"], facts[key]) == (2, 4, pytest.approx(values[1]))


@pytest.mark.filterwarnings("ignore")
def test_a_run_whose_patience_was_over_does_not_go_on(tmp_path, drawn_samples, small_recipe):
    """Its weights may have found no room after the last epoch."""
    recipe = small_recipe(30, "loop.patience=1", "optimiser.rate=0.5")
    folder = train(recipe, drawn_samples, drawn_samples, tmp_path / "run")
    curves = folder.curves.read_text()
    assert len(curves.splitlines()) < 30
    for file in (folder.weights, folder.last_weights):
        file.unlink()
    train(recipe, drawn_samples, drawn_samples, tmp_path / "run", resume=True)
    assert folder.weights.is_file()
    assert folder.curves.read_text() == curves


@pytest.mark.filterwarnings("ignore")
def test_batch_norm_of_one_picture_is_one_line(tmp_path, drawn_samples, small_recipe):
    recipe = small_recipe(1, "loop.batch=1", model="kind = 'mlp'\ndense = [{ units = 8 }]")
    with pytest.raises(RecipeError, match=r"batch norm needs two pictures a step.*set loop\.batch to 2"):
        train(recipe, drawn_samples, drawn_samples, tmp_path / "run")
