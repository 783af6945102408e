"""The whole way from the data to the files of the released models, in one command.

    python recipes/released.py fer2013.parquet natural_images.parquet scenes.parquet --output released

The gate is trained on what was taken for faces in the photographs (gate_boxes.csv; --search makes it anew, with a gate
that only searches); then the teachers, mien-base, which learns from them, mien-small, which learns from mien-base, and
mien-nano, which learns from mien-small; each is exported in int8. On a GPU all but mien-nano learn together, in
--minutes (released_gpu.py); without one, one after the other, which takes days. What is finished is left as it is, and
an interrupted training goes on: give the same command again. Everything lies in one folder.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import torch

from gate_boxes import BOXES
from mien.training.run_folder import RunFolder
from released_gpu import PUPILS, RECIPES, TEACHERS

SEARCH = ("loop.epochs=8", "data.test=''")
"""The gate that only searches: what it takes for faces is wanted, not its last tenth of a percent, and no test."""


def main() -> None:
    """Do what is not done yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("fer2013", "natural_images", "scenes"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--output", type=Path, default=Path("released"), help="the folder, 'released' by default")
    parser.add_argument(
        "--search", action="store_true", help="search the photographs anew (an hour); see gate_boxes.py"
    )
    parser.add_argument("--minutes", type=float, default=24, help="for all networks together, on a GPU; 24 by default")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--epochs", type=int, help="another number for every training but those of --minutes, to try it out"
    )
    given = parser.parse_args()
    work = Work(given.output, seed=given.seed, epochs=given.epochs)
    sources = [given.fer2013, given.natural_images, given.scenes]

    boxes = work.searched(sources) if given.search else BOXES
    everything = given.output / "all.parquet"
    table = work.table("gate.parquet", sources, boxes, "--emotions", everything)
    work.run("gate-cnn", RECIPES / "gate-cnn.toml", table)

    if torch.cuda.is_available():
        work.together(everything, given.minutes)
    else:
        teachers = [work.run(name, RECIPES / f"{name}.toml", given.fer2013) / "model.onnx" for name in TEACHERS]
        base = work.release("mien-base", everything, teachers)
        weights = ("--weights", RunFolder(base).weights)
        teaching = work.export("mien-base-teaching", RECIPES / "mien-base-teaching.toml", everything, *weights)
        work.release("mien-small", everything, [teaching], by="mien-small-cpu")
    work.release("mien-nano", everything, [given.output / "mien-small.onnx"])
    for name in (*PUPILS, "mien-nano"):
        print(given.output / f"{name}.onnx")


class Work:
    """Steps whose results lie in one folder.

    Args:
        folder: where.
        seed: of the trainings.
        epochs: of the trainings; None leaves the recipes' own.
    """

    def __init__(self, folder: Path, *, seed: int, epochs: int | None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._seed, self._epochs = seed, epochs

    def searched(self, sources: list[Path]) -> Path:
        """Search the photographs with cascades, then with a gate that learns from what they found."""
        of_cascades, boxes = self._folder / "cascades.csv", self._folder / "boxes.csv"
        if not of_cascades.exists():
            call(sys.executable, RECIPES / "gate_search.py", sources[-1], of_cascades)
        table = self.table("gate-1.parquet", sources, of_cascades)
        gate = self.run("gate-1", RECIPES / "gate-cnn.toml", table, *SEARCH) / "model.onnx"
        if not boxes.exists():
            call(sys.executable, RECIPES / "gate_search.py", sources[-1], boxes, "--gate", gate, "--known", of_cascades)
        return boxes

    def table(self, name: str, sources: list[Path], boxes: Path, *more: str | Path) -> Path:
        """Make a table of faces and other things, and return it."""
        path = self._folder / name
        if not path.exists():
            call(sys.executable, RECIPES / "gate_data.py", *sources, path, "--boxes", boxes, *more)
        return path

    def run(self, name: str, recipe: Path, data: Path, *changes: str) -> Path:
        """Train a recipe with some values changed, or go on with it, and return the folder of the run."""
        folder = self._folder / "runs" / name
        changes = (f"seed={self._seed}", *changes)
        if self._epochs:
            changes = (*changes, f"loop.epochs={self._epochs}")
        settings = [word for change in changes for word in ("--set", change)]
        if not (folder / "scores.csv").exists():
            self.mien("train", recipe, "--data", data, "--output", folder, "--resume", *settings)
        return folder

    def together(self, data: Path, minutes: float) -> None:
        """Train all networks at once on a GPU, and export in int8 those that are released."""
        folder = self._folder / "weights"
        if not all((folder / f"{name}.safetensors").exists() for name in PUPILS):
            seed = ("--set", f"seed={self._seed}") if self._seed != 1 else ()
            call(sys.executable, RECIPES / "released_gpu.py", data, "--minutes", minutes, "--output", folder, *seed)
        for name in PUPILS:
            weights = ("--weights", folder / f"{name}.safetensors")
            self.export(name, RECIPES / f"{name}.toml", data, *weights)

    def release(self, name: str, data: Path, teachers: list[Path], *, by: str = "") -> Path:
        """Train a released model with teachers, export it in int8, and return the folder of its run.

        Args:
            name: the model.
            data: what it learns from.
            teachers: files of the models that it learns from.
            by: its recipe, where that has another name.
        """
        models = f"teacher.models={[teacher.as_posix() for teacher in teachers]}"
        folder = self.run(name, RECIPES / f"{by or name}.toml", data, f"name={name}", models)
        self.export(name, folder, data)
        return folder

    def export(self, name: str, trained: Path, data: Path, *more: str | Path) -> Path:
        """Export a trained network in int8, where that is not done, and return the file."""
        file = self._folder / f"{name}.onnx"
        if not file.exists():
            self.mien("export", trained, *more, "--data", data, "--output", file, "--int8")
        return file

    def mien(self, *words: str | Path) -> None:
        """Call mien."""
        call(sys.executable, "-m", "mien", *words)


def call(*words: str | Path) -> None:
    """Run a command; end with its exit status where it fails."""
    print("+", *words, flush=True)
    status = subprocess.run([str(word) for word in words]).returncode
    if status:
        raise SystemExit(status)


if __name__ == "__main__":
    main()
