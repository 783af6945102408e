import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from safetensors.torch import load_file

from mien.errors import DataError, OutputError, RecipeError, UsageError, WeightsError
from mien.training import run as run_module
from mien.training.curves import read_curves
from mien.training.networks.building import load_network
from mien.training.run import train
from mien.training.run_folder import RunFolder
from mien.training.weights_file import how_trained

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning warns about what small tests do on purpose


@pytest.fixture
def halves(drawn_samples):
    return drawn_samples.of_split("Training"), drawn_samples.of_split("PublicTest")


def test_a_run_leaves_what_is_needed(tmp_path, small_recipe, halves):
    folder = train(small_recipe(3), *halves, tmp_path / "run")
    facts = json.loads(folder.facts.read_text())
    curves = read_curves(folder.curves)
    assert curves.epochs == (1, 2, 3)
    best = max(curves.values["validation/score"])
    assert facts["validation/score"] == pytest.approx(best)
    assert curves.values["validation/score"][facts["epoch"] - 1] == best
    assert curves.heads == ("fer7", "ferplus8")
    assert load_file(folder.last_weights).keys() == load_file(folder.weights).keys()
    assert how_trained(folder.weights) == f"epoch {facts['epoch']} of 3 on {facts['device']}"
    assert how_trained(folder.last_weights).startswith("epoch 3 of 3 on ")
    assert any(path.name.startswith("events.out.tfevents") for path in (folder.path / "log").iterdir())
    read, network = load_network(folder)
    assert read == small_recipe(3)
    assert not network.training


def test_a_log_gets_a_line_an_epoch(tmp_path, small_recipe, halves, capsys):
    train(small_recipe(3), *halves, tmp_path / "run")
    out, err = capsys.readouterr()
    assert out == ""  # Lightning's own bar would draw its last state here
    begins, *epochs = err.splitlines()
    assert re.fullmatch(r"epochs 1 to 3, of \d+ steps, (bf16-mixed|32-true) on cpu", begins)
    assert [line.split(" (")[0] for line in epochs] == ["epoch 1 of 3", "epoch 2 of 3", "epoch 3 of 3"]
    assert "s, 0:00:00 left)" in epochs[2]
    curves = read_curves(tmp_path / "run" / "curves.csv")
    assert f"validation/score {curves.values['validation/score'][2]:.3f}" in epochs[2]


KILLED = """
import sys
from pathlib import Path
import numpy as np
from mien.data.record import TableMeta
from mien.data.samples import Samples
from mien.labels import FER7
from mien.training.recipe_files import read_recipe
from mien.training.run import train

draw = np.random.default_rng(0)
samples = Samples(
    ids=np.arange(192).astype(str),
    crops=draw.integers(0, 256, (192, 1, 48, 48), dtype=np.uint8),
    fer7=np.arange(192) % 7,
    votes=draw.multinomial(10, [0.1] * 10, 192).astype(np.float32),
    split=np.array(["Training"] * 192),
    codes=np.arange(192) % 7,
    present=np.zeros((192, 7), bool),
    meta=TableMeta(FER7, license="", layout="drawn"),
    asked=np.zeros(192, bool),
)
train(read_recipe(Path(sys.argv[1])), samples, samples.take(np.arange(64)), Path(sys.argv[2]), resume=True)
"""


def test_killed_at_epoch_3_and_resumed_gives_the_weights_of_the_unbroken_run(tmp_path, small_recipe):
    small_recipe(6, model="kind = 'cnn'\nstages = [[8], [16]]\ndense = [{ units = 16, dropout = 0.5 }]")
    command = [sys.executable, "-c", KILLED, str(tmp_path / "small.toml")]
    broken, whole = RunFolder(tmp_path / "broken"), RunFolder(tmp_path / "whole")
    process = subprocess.Popen([*command, str(broken.path)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if broken.curves.exists() and read_curves(broken.curves).epochs[-1] == 3:
            break
        time.sleep(0.01)
    assert process.poll() is None, "the run ended before it could be killed"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not broken.weights.exists()
    for folder in (broken, whole):
        subprocess.run([*command, str(folder.path)], check=True, capture_output=True)
    for name in ("weights", "last_weights"):
        first, second = (load_file(getattr(folder, name)) for folder in (broken, whole))
        assert first.keys() == second.keys()
        assert all(torch.equal(first[key], second[key]) for key in first)
    assert read_curves(broken.curves) == read_curves(whole.curves)


def test_a_folder_with_a_run_is_not_overwritten(tmp_path, small_recipe, halves):
    folder = train(small_recipe(1), *halves, tmp_path / "run")
    before = folder.weights.stat().st_mtime_ns
    with pytest.raises(OutputError, match=r"go on with --resume"):
        train(small_recipe(1), *halves, tmp_path / "run")
    assert train(small_recipe(1), *halves, tmp_path / "run", resume=True) == folder
    assert folder.weights.stat().st_mtime_ns == before
    with pytest.raises(RecipeError, match=r"was started with another recipe \(loop\.epochs = 1 there, 2 here\)"):
        train(small_recipe(2), *halves, tmp_path / "run", resume=True)


def test_two_trainings_do_not_write_to_one_folder(tmp_path, small_recipe, halves):
    class Second(Callback):
        def on_train_start(self, trainer, lesson):
            train(small_recipe(1), *halves, tmp_path / "run")

    with pytest.raises(OutputError, match=r"run: another training writes to it now; .*another --output"):
        train(small_recipe(1), *halves, tmp_path / "run", callbacks=(Second(),))
    assert train(small_recipe(1), *halves, tmp_path / "run").weights.is_file()


def test_a_folder_that_cannot_be_written(tmp_path, small_recipe, halves):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot be written"):
        train(small_recipe(1), *halves, tmp_path / "file" / "run")


def test_a_full_disk_is_one_line_and_the_run_goes_on_later(tmp_path, small_recipe, halves, monkeypatch):
    recipe = small_recipe(3)
    fit = run_module.lightning.Trainer.save_checkpoint

    def full(trainer, *args, **options):
        if trainer.current_epoch == 2:
            raise OSError(28, "No space left on device")
        fit(trainer, *args, **options)

    monkeypatch.setattr(run_module.lightning.Trainer, "save_checkpoint", full)
    with pytest.raises(OutputError, match=r"No space left on device.*go on with --resume"):
        train(recipe, *halves, tmp_path / "run")
    monkeypatch.undo()
    assert train(recipe, *halves, tmp_path / "run", resume=True).weights.is_file()


def test_checkpoints_are_written_in_the_runs_own_folder(tmp_path, small_recipe, halves, monkeypatch):
    """The temporary folder may be another filesystem, from which nothing can be moved in one step."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    assert train(small_recipe(1), *halves, tmp_path / "run").weights.is_file()


class EndedError(Exception):
    pass


class Ending(Callback):
    """Ends a run at the start of an epoch, counted from 0, as a kill would."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch == self.epoch:
            raise EndedError


def ended(recipe, halves, path, *, epoch):
    with pytest.raises(EndedError):
        train(recipe, *halves, path, callbacks=(Ending(epoch),))
    return RunFolder(path)


def test_a_run_goes_on_with_its_pictures_only(tmp_path, small_recipe, halves):
    recipe, (training, validation) = small_recipe(3), halves
    folder = ended(recipe, halves, tmp_path / "run", epoch=2)
    fewer = np.arange(len(validation)) > 0
    with pytest.raises(RecipeError, match=r"run: was started with other pictures for training; .*another --output"):
        train(recipe, training.take(np.arange(len(training))[::-1]), validation, folder.path, resume=True)
    with pytest.raises(RecipeError, match=r"run: was started with other pictures for validation"):
        train(recipe, training, validation.take(fewer), folder.path, resume=True)
    assert train(recipe, training, validation, folder.path, resume=True).weights.is_file()


def test_a_resumed_run_keeps_its_precision_and_adds_up_its_time(tmp_path, small_recipe, halves, monkeypatch):
    recipe = small_recipe(3, "loop.device=cpu")
    monkeypatch.setattr("mien.training.precision.bf16_gain", lambda: 9.0)
    folder = ended(recipe, halves, tmp_path / "run", epoch=2)
    kept = json.loads(folder.so_far.read_text())
    assert (kept["precision"], kept["mlflow"]) == ("bf16", "")
    assert kept["seconds"] > 0
    folder.so_far.write_text(json.dumps(kept | {"seconds": 5000}))
    monkeypatch.setattr("mien.training.precision.bf16_gain", lambda: 0.5)  # as if the machine were another one
    facts = json.loads(train(recipe, *halves, folder.path, resume=True).facts.read_text())
    assert facts["precision"] == "bf16"
    assert 5000 <= facts["seconds"] < 6000  # rounded


def test_what_is_kept_beside_checkpoints_may_be_missing_and_not_damaged(tmp_path, small_recipe, halves):
    recipe = small_recipe(3)
    folder = ended(recipe, halves, tmp_path / "run", epoch=2)
    folder.so_far.write_text("{")
    with pytest.raises(WeightsError, match=r"so-far\.json: cannot be read; delete it"):
        train(recipe, *halves, folder.path, resume=True)
    folder.so_far.unlink()  # an earlier version kept nothing
    assert train(recipe, *halves, folder.path, resume=True).weights.is_file()


def test_nothing_to_go_on_from_is_said(tmp_path, small_recipe, halves, capsys):
    train(small_recipe(1), *halves, tmp_path / "typo", resume=True)
    assert capsys.readouterr().err.startswith(f"{tmp_path / 'typo'}: nothing to go on from, begins anew\n")
    train(small_recipe(1), *halves, tmp_path / "typo", resume=True)
    assert "anew" not in capsys.readouterr().err


def test_a_damaged_checkpoint_is_one_line(tmp_path, small_recipe, halves):
    recipe = small_recipe(3)
    folder = ended(recipe, halves, tmp_path / "run", epoch=2)
    folder.last_checkpoint.write_bytes(folder.last_checkpoint.read_bytes()[:5000])
    with pytest.raises(WeightsError, match=r"last\.ckpt: is no checkpoint that can be read") as caught:
        train(recipe, *halves, folder.path, resume=True)
    assert "\n" not in str(caught.value)
    shutil.copy(folder.checkpoints / "best.ckpt", folder.last_checkpoint)
    assert train(recipe, *halves, folder.path, resume=True).weights.is_file()
    assert read_curves(folder.curves).epochs == (1, 2, 3)


def test_a_run_that_was_moved_keeps_its_best_epoch(tmp_path, small_recipe, halves):
    recipe = small_recipe(4, "optimiser.rate=1e-9", "optimiser.average=0")  # no epoch is better than the first
    ended(recipe, halves, tmp_path / "run", epoch=2).path.rename(tmp_path / "moved")
    folder = train(recipe, *halves, tmp_path / "moved", resume=True)
    facts = json.loads(folder.facts.read_text())
    assert (facts["epoch"], facts["epochs"]) == (1, 4)
    assert not (tmp_path / "run").exists()


def test_a_run_that_was_moved_before_its_end_was_written(tmp_path, small_recipe, halves, monkeypatch):
    def killed(*args, **options):
        raise EndedError

    recipe = small_recipe(2, "optimiser.rate=1e-9", "optimiser.average=0")
    monkeypatch.setattr(run_module, "_finish", killed)
    with pytest.raises(EndedError):
        train(recipe, *halves, tmp_path / "run")
    monkeypatch.undo()
    (tmp_path / "run").rename(tmp_path / "moved")
    folder = train(recipe, *halves, tmp_path / "moved", resume=True)
    assert json.loads(folder.facts.read_text())["epoch"] == 1


@pytest.mark.parametrize("resume", [False, True])
def test_a_start_that_failed_blocks_nothing(tmp_path, small_recipe, halves, monkeypatch, resume):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UsageError, match=r"use --set loop.device=cpu"):
        train(small_recipe(1, "loop.device=gpu"), *halves, tmp_path / "run")
    folder = train(small_recipe(1, "loop.device=cpu"), *halves, tmp_path / "run", resume=resume)
    assert load_network(folder)[0].loop.device == "cpu"


def test_a_recipe_that_nothing_can_read_blocks_no_start(tmp_path, small_recipe, halves):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.toml").write_text("about = [")
    assert load_network(train(small_recipe(1), *halves, tmp_path / "run"))[0] == small_recipe(1)


def test_answers_of_teachers_are_kept_where_another_start_would_ask_the_same(
    tmp_path, small_recipe, halves, monkeypatch
):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    folder, teacher = RunFolder(tmp_path / "run"), "teacher.models=['mien-nano']"

    def failed(*changes, resume=False):
        with pytest.raises(UsageError, match=r"1 GPU asked for"):
            train(small_recipe(1, teacher, "loop.device=gpu", *changes), *halves, folder.path, resume=resume)
        return folder.teacher.stat().st_mtime_ns, folder.teacher.read_bytes()

    first = failed()
    assert failed(resume=True) == first
    assert failed("optimiser.rate=0.01") == first
    other = failed("optimiser.rate=0.01", "teacher.views=1")
    assert other[1] != first[1]
    train(small_recipe(1, teacher, "loop.device=cpu", "teacher.views=1"), *halves, folder.path)
    assert folder.teacher.stat().st_mtime_ns == other[0]


def test_no_gpu_where_one_is_asked_for(tmp_path, small_recipe, halves, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UsageError, match=r"1 GPU asked for, 0 found; use --set loop.device=cpu"):
        train(small_recipe(1, "loop.device=gpu"), *halves, tmp_path / "run")
    with pytest.raises(UsageError, match=r"precision = 16 needs a GPU"):
        train(small_recipe(1, "loop.device=cpu", "loop.precision='16'"), *halves, tmp_path / "run2")


def test_a_class_without_pictures(tmp_path, small_recipe, halves):
    training, validation = halves
    with pytest.raises(DataError, match=r"no picture of 'Training' shows fear"):
        train(small_recipe(1), training.take(training.fer7 != 2), validation, tmp_path / "run")


def test_weights_of_another_architecture(tmp_path, small_recipe, halves):
    folder = train(small_recipe(1), *halves, tmp_path / "run")
    text = folder.recipe.read_text()
    folder.recipe.write_text(text.replace("widths = [8, 16]", "widths = [8, 24]"))
    with pytest.raises(WeightsError, match=r"is no checkpoint of the network of recipe"):
        load_network(folder)


def test_an_unfinished_run_has_no_network(tmp_path):
    with pytest.raises(WeightsError, match=r"holds no finished run .*; `mien train` makes one"):
        load_network(RunFolder(tmp_path))
    with pytest.raises(WeightsError, match=r"nowhere: no such folder of a run; check the path"):
        load_network(RunFolder(tmp_path / "nowhere"))
    folder = RunFolder(tmp_path)
    folder.last_checkpoint.parent.mkdir()
    folder.last_checkpoint.touch()
    with pytest.raises(WeightsError, match=r"holds no finished run .*; go on with `mien train --resume`"):
        load_network(folder)


@pytest.mark.parametrize(
    "changes",
    [
        ("optimiser.kind=adamw", "optimiser.rate=1e-3", "optimiser.schedule=plateau", "optimiser.average=0"),
        ("optimiser.kind=adam", "optimiser.rate=1e-3", "optimiser.schedule=one-cycle", "optimiser.clip=1.0"),
        ("optimiser.schedule=constant", "optimiser.warmup_epochs=1", "loop.monitor=loss", "loop.precision='32'"),
    ],
)
def test_every_optimiser_and_schedule_runs(tmp_path, small_recipe, halves, changes):
    folder = train(small_recipe(2, *changes), *halves, tmp_path / "run")
    assert len(read_curves(folder.curves).epochs) == 2


def test_early_stopping(tmp_path, small_recipe, halves):
    recipe = small_recipe(40, "loop.patience=2", "optimiser.rate=1e-9", "optimiser.average=0")
    folder = train(recipe, *halves, tmp_path / "run")
    assert len(read_curves(folder.curves).epochs) < 12


@pytest.mark.parametrize(
    "model",
    [
        "kind = 'mlp'\ndense = [{ units = 8 }]",
        "kind = 'timm'\nbackbone = 'resnet10t'\npretrained = false\nfrozen = true\nunfreeze_every = 1",
    ],
)
def test_every_kind_of_network_trains(tmp_path, small_recipe, halves, model):
    folder = train(small_recipe(2, model=model), *halves, tmp_path / "run")
    assert load_network(folder)[0].model.kind in model


def test_an_ensemble_is_its_members(tmp_path, small_recipe, halves, drawn_samples):
    members = [train(small_recipe(1, f"seed={seed}"), *halves, tmp_path / f"m{seed}") for seed in (1, 2)]
    model = f"kind = 'ensemble'\nmembers = {[str(member.path) for member in members]}"
    folder = train(small_recipe(1, model=model), *halves, tmp_path / "both")
    _, average = load_network(folder)
    crops = torch.from_numpy(drawn_samples.crops)
    with torch.inference_mode():
        parts = [load_network(member)[1](crops)["fer7"].softmax(1) for member in members]
        assert torch.allclose(average(crops)["fer7"].softmax(1), sum(parts) / 2, atol=1e-6)
    other = small_recipe(1, "heads.raf6.task=multi", "heads.raf6.target=votes", model=model)
    with pytest.raises(RecipeError, match=r"members must have the same heads"):
        train(other, *halves, tmp_path / "other")
