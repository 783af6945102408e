"""The teachers and the released models on one GPU, in the minutes that you have for it.

    python recipes/released_gpu.py released/all.parquet --minutes 10 --output released

A third of the time goes to the teachers (recipes/teacher-*.toml), which learn emotions; then mien-base
and mien-small learn from them, both at once. Leaves NAME.safetensors of each.
`recipes/gate_data.py` makes the table; `mien export recipes/NAME.toml --weights released/NAME.safetensors` the model.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from mien.data.samples import Samples, read_samples
from mien.files import written_whole
from mien.training.classroom import Classroom, logits_of
from mien.training.losses import head_score
from mien.training.recipe_files import read_recipe
from mien.training.targets import targets_of

RECIPES = Path(__file__).parent
TEACHERS = ("teacher-senet", "teacher-resnet", "teacher-vgg")
PUPILS = ("mien-base", "mien-small")
FOR_TEACHERS = 0.36
"""Share of the time."""


def main() -> None:
    """Read the table, train, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, help="of gate_data.py --emotions")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--output", type=Path, default=Path("released"), help="the folder, 'released' by default")
    parser.add_argument("--set", action="append", default=[], help="of every recipe, such as loop.batch=64")
    given = parser.parse_args()
    lead = read_recipe(RECIPES / f"{PUPILS[0]}.toml")
    splits = (lead.data.training, lead.data.validation)
    samples = read_samples(given.table, spec=lead.crop.spec(), splits=splits)
    training, validation = (samples.of_split(split) for split in splits)
    make(training, validation, seconds=60 * given.minutes, output=given.output, changes=given.set)


def make(training: Samples, validation: Samples, *, seconds: float, output: Path, changes: Sequence[str] = ()) -> None:
    """Train the teachers and the pupils, and write their weights.

    Args:
        training: pictures to learn from.
        validation: pictures to tell by how it goes.
        seconds: what both may take.
        output: the folder to write to.
        changes: values of every recipe, as for `mien train --set`.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True
    teachers = learnt(TEACHERS, with_emotion(training), with_emotion(validation), (), FOR_TEACHERS * seconds, changes)
    save(teachers, output)
    asked = with_emotion(validation)
    logits = logits_of(list(teachers.values()), torch.from_numpy(asked.crops).to(device), views=2)
    heads = read_recipe(RECIPES / f"{TEACHERS[0]}.toml").heads
    right = targets_of(asked, read_recipe(RECIPES / f"{TEACHERS[0]}.toml"))
    print(
        "together, mirrored too:",
        {name: round(head_score(logits[name], right[name], heads[name]), 4) for name in heads},
    )
    save(learnt(PUPILS, training, validation, list(teachers.values()), (1 - FOR_TEACHERS) * seconds, changes), output)


def learnt(
    names: Sequence[str],
    training: Samples,
    validation: Samples,
    teachers: Sequence[nn.Module],
    seconds: float,
    changes: Sequence[str],
) -> dict[str, nn.Module]:
    """Train networks together, and return them by name."""
    recipes = [read_recipe(RECIPES / f"{name}.toml", changes) for name in names]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    classroom = Classroom(recipes, training, validation, teachers=teachers, device=device)
    classroom.learn(seconds=seconds, tell=lambda line: print(line, flush=True))
    return classroom.networks()


def with_emotion(samples: Samples) -> Samples:
    """Return the pictures that show an emotion of FER-2013."""
    return samples.take(np.asarray(samples.fer7 >= 0))


def save(networks: dict[str, nn.Module], folder: Path) -> None:
    """Write weights; matrices in half precision."""
    for name, network in networks.items():
        weights = {key: value.cpu().contiguous() for key, value in network.state_dict().items()}
        halved = {key: value.half() if value.ndim > 1 else value for key, value in weights.items()}
        with written_whole(folder / f"{name}.safetensors") as temporary:
            save_file(halved, temporary)


if __name__ == "__main__":
    main()
