import re
import sys

import pytest

TINY = """name = 'tiny'
[model]
widths = [8, 8]
depths = [1, 1]
[heads.fer7]
[data]
limit = 600
[loop]
batch = 32
epochs = 1
"""


def test_without_the_extra_it_is_named(mien, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    data = ["--data", tmp_path / "d.parquet"]
    for command in (["train", "r.toml"], ["export", "run", "-o", "x.onnx"], ["compare", "r.toml"], ["sweep", "r.toml"]):
        code, _, err = mien(*command, *data)
        assert code == 1
        assert "pip install 'mien[train]'" in err


@pytest.mark.filterwarnings("ignore")
def test_wrong_recipe_or_data_stops_before_the_work(mien, tmp_path):
    recipe = tmp_path / "r.toml"
    command = ["train", recipe, "--data", tmp_path / "none.parquet", "--output", tmp_path / "run"]
    code, _, err = mien(*command)
    assert (code, "no such recipe" in err) == (2, True)
    recipe.write_text("name = 'a'\nsede = 3\n[heads.fer7]\n")
    code, _, err = mien(*command)
    assert (code, "Did you mean 'seed'?" in err) == (2, True)
    recipe.write_text(TINY)
    code, _, err = mien(*command, "--set", "loop.epoch=3")
    assert (code, "Did you mean 'epochs'?" in err) == (2, True)
    code, _, err = mien(*command)
    assert (code, "none.parquet: no such file" in err) == (1, True)
    assert not (tmp_path / "run").exists()


@pytest.mark.filterwarnings("ignore")
def test_a_recipe_that_somebody_wrote_is_not_overwritten(mien, tmp_path):
    mine = tmp_path / "exp" / "recipe.toml"
    mine.parent.mkdir()
    mine.write_text(f"# my notes\n{TINY}")
    code, _, err = mien("train", mine, "--data", tmp_path / "none.parquet", "--output", tmp_path / "exp")
    assert (code, "would write its own recipe over this one; choose another --output" in err) == (2, True)
    assert mine.read_text().startswith("# my notes")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("command", "work", "remedy"),
    [
        ("train", "training_run.run_recipe", "go on with --resume"),
        ("compare", "comparison.compare", "the same command goes on"),
        ("sweep", "sweep.sweep", "the same command goes on with another trial"),
    ],
)
def test_an_end_that_was_asked_for_is_one_line_and_the_signal_s_code(
    mien, tmp_path, monkeypatch, command, work, remedy
):
    from mien.training.interruption import InterruptedRun

    def interrupted(*args, **options):
        raise InterruptedRun(143, epochs=3, first_process=True)

    monkeypatch.setattr(f"mien.experiments.{work}", interrupted)
    (tmp_path / "r.toml").write_text(TINY)
    code, out, err = mien(command, tmp_path / "r.toml", "--data", tmp_path / "d.parquet", "--output", tmp_path / "out")
    assert (code, out, err) == (143, "", f"mien: interrupted after epoch 3; {remedy}\n")


@pytest.mark.filterwarnings("ignore")
def test_an_end_outside_of_the_training_is_one_line_too(mien, tmp_path, monkeypatch):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("mien.experiments.training_run.run_recipe", interrupted)
    (tmp_path / "r.toml").write_text(TINY)
    code, out, err = mien("train", tmp_path / "r.toml", "--data", tmp_path / "d.parquet", "--output", tmp_path / "out")
    assert (code, out, err) == (130, "", "mien: interrupted; go on with --resume\n")


@pytest.mark.filterwarnings("ignore")
def test_wrong_use_of_export_is_told_before_the_work(mien, tmp_path):
    data, output = ["--data", tmp_path / "d.parquet"], ["--output", tmp_path / "m.onnx"]
    (tmp_path / "d.parquet").write_bytes(b"the data")
    code, _, err = mien("export", tmp_path, *data, "--output", tmp_path / "d.parquet")
    assert (code, "d.parquet: cannot tell the format from its name; it must end in .onnx" in err) == (2, True)
    assert (tmp_path / "d.parquet").read_bytes() == b"the data"
    code, _, err = mien("export", tmp_path, *data, *output, "--weights", tmp_path / "w.safetensors")
    assert (code, "is the folder of a run, which has its weights; leave --weights out" in err) == (2, True)


@pytest.mark.filterwarnings("ignore")
def test_train_export_and_use(mien, astronaut, shared, tmp_path):
    """The whole making of a model, small: recipe to run, run to file, file to answer."""
    recipe, run = tmp_path / "tiny.toml", tmp_path / "run"
    recipe.write_text(TINY)
    data = shared / "data" / "fer2013.parquet"
    code, out, err = mien("train", recipe, "--data", data, "--output", run, "--set", "seed=5")
    assert code == 0, err
    assert "epochs" in out
    assert "accuracy" in out
    assert f"use it: mien analyze PICTURE --model {run / 'model.onnx'}" in out
    code, out, err = mien("export", run, "--data", data, "--output", tmp_path / "tiny.onnx")
    assert code == 0, err
    code, out, _ = mien("models", "show", tmp_path / "tiny.onnx")
    assert "seed 5" in out
    code, out, _ = mien("analyze", astronaut, "--model", run / "model.onnx", "-d", "haar")
    assert "1 face in 1 picture" in out
    code, out, err = mien("compare", run, "--output", tmp_path / "compared")
    assert code == 0, err
    head, row = [line.split() for line in out.splitlines() if line[:1].strip()][:2]
    assert (head[:3], row[:2]) == (["model", "scored", "on"], ["tiny", "fer7,"])
    assert "of test" in out
    assert re.fullmatch(r"\d+\.\d\d", row[-1])  # no value loses a digit, and no column its name
    assert (head[-3:], "…" in out) == (["size", "work", "ms"], False)
    assert (tmp_path / "compared" / "comparison.png").is_file()


@pytest.mark.filterwarnings("ignore")
def test_a_head_of_two_labels_keeps_its_figures(capsys):
    from mien.cli.train import print_scores
    from mien.evaluation.metrics import Estimate
    from mien.experiments.finishing import Score

    metrics = ("accuracy", "balanced_accuracy", "macro_f1", "ece")  # and no top 3, which says nothing of two
    print_scores([Score("test", "moods", "label", 9, name, Estimate(0.5, 0.25, 0.75)) for name in metrics])
    assert {"macro", "F1", "ECE"} <= set(capsys.readouterr().out.replace(",", " ").split())
