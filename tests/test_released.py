"""The pipeline of the released models does each step once, in order, and goes on where it was interrupted."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "recipes" / "released.py"


@pytest.fixture
def pipeline(monkeypatch, tmp_path):
    """Return a function that runs the pipeline, and the list of its commands; each leaves what the real one leaves."""
    monkeypatch.syspath_prepend(SCRIPT.parent)
    module = import_module("released")
    commands, broken = [], []

    def call(*words):
        words = [str(word) for word in words]
        commands.append(words[1:] if words[1:3] != ["-m", "mien"] else words[3:])
        if broken and broken[0] in words:
            raise SystemExit(1)
        if words[1].endswith("gate_data.py"):
            Path(words[5]).touch()
        elif words[1].endswith("gate_search.py"):
            Path(words[3]).touch()
        elif words[1].endswith("released_gpu.py"):
            pass
        elif words[3] == "train":
            folder = Path(words[words.index("--output") + 1])
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "scores.csv").touch()
        else:
            Path(words[words.index("--output") + 1]).touch()

    def run(*more):
        monkeypatch.setattr(sys, "argv", ["released.py", "f", "n", "s", "--output", str(tmp_path / "out"), *more])
        commands.clear()
        module.main()
        return [command[:2] for command in commands]

    monkeypatch.setattr(module, "call", call)
    return run, commands, broken


def test_the_gate_then_teachers_then_sizes(pipeline):
    run, commands, _ = pipeline
    kinds = run()
    assert [kind[0].rsplit("/")[-1] for kind in kinds] == [
        *["gate_data.py", "train"],
        *["train"] * 3,
        *["train", "export", "export"],  # mien-base, and what of it teaches mien-small
        *["train", "export"] * 2,
    ]
    known = commands[0][commands[0].index("--boxes") + 1]
    assert Path(known).is_file()
    trained = {command[1].rsplit("/")[-1]: command for command in commands if command[0] == "train"}
    for name in trained:
        assert (SCRIPT.parent / name).is_file()
    taught = {name: command[-1] for name, command in trained.items() if "teacher.models" in command[-1]}
    assert taught["mien-base.toml"].count("/model.onnx") == 3
    assert taught["mien-small-cpu.toml"].endswith("/mien-base-teaching.onnx']")
    assert taught["mien-nano.toml"].endswith("/mien-small.onnx']")
    assert len(taught) == 3
    assert "name=mien-small" in trained["mien-small-cpu.toml"]
    teaching = next(command for command in commands if command[1].endswith("mien-base-teaching.toml"))
    weights = Path(teaching[teaching.index("--weights") + 1])
    assert weights.parent.name == "mien-base"
    assert teaching[teaching.index("--output") + 1] in taught["mien-small-cpu.toml"]


def test_on_a_gpu_all_networks_learn_together(pipeline, monkeypatch):
    run, commands, _ = pipeline
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    kinds = run("--minutes", "3")
    assert [kind[0].rsplit("/")[-1] for kind in kinds] == [
        *["gate_data.py", "train"],
        *["released_gpu.py", "export", "export"],
        *["train", "export"],
    ]
    together, *exports = commands[2:5]
    assert together[together.index("--minutes") + 1] == "3.0"
    folder = together[together.index("--output") + 1]
    for command in exports:
        weights = Path(command[command.index("--weights") + 1])
        assert weights == Path(folder, Path(command[1]).stem + ".safetensors")
        assert (SCRIPT.parent / weights.with_suffix(".toml").name).is_file()


def test_a_search_ends_in_the_boxes_of_cascades_and_gates(pipeline):
    run, commands, _ = pipeline
    kinds = [kind[0].rsplit("/")[-1] for kind in run("--search")]
    assert kinds[:6] == ["gate_search.py", "gate_data.py", "train", "gate_search.py", "gate_data.py", "train"]
    searching, last = (command for command in commands if command[1].endswith("gate-cnn.toml"))
    assert {"loop.epochs=8", "data.test=''"} <= set(searching)
    assert last[-2:] == ["--set", "seed=1"]
    learnt, more, used = (command for command in commands[1:5] if command[0].endswith(".py"))
    assert learnt[learnt.index("--boxes") + 1] == more[more.index("--known") + 1]
    assert used[used.index("--boxes") + 1] == more[2]


def test_what_is_finished_is_left_as_it_is(pipeline):
    run, commands, broken = pipeline
    broken.append("seed=7")
    with pytest.raises(SystemExit):
        run("--seed", "7")
    assert len(commands) == 2  # the table, and the training that failed
    broken.clear()
    run("--seed", "7")
    assert commands[0][0] == "train"
    assert "seed=7" in commands[0]
    assert run("--seed", "7") == []
