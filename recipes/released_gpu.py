"""The teachers and the released models on one GPU, in the minutes that you have for it.

    python recipes/released_gpu.py released/all.parquet --minutes 24 --output released

Three rounds: teachers (recipes/teacher-*.toml), which learn emotions; a first mien-base, which learns from them and is
right more often than all three together; then mien-base and mien-small, both at once, which learn from the first
mien-base. Leaves NAME.safetensors of each, and of the first mien-base mien-base-first.safetensors. What has its weights
there is left as it is, and an interrupted round goes on from its checkpoint: give the same command again. With --first,
weights of a first mien-base of another day, all minutes are the last round's.

`recipes/gate_data.py` makes the table; of the weights makes a model
`mien export recipes/NAME.toml --weights released/NAME.safetensors --data all.parquet --output NAME.onnx --int8`.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from mien.data.samples import Samples, read_samples
from mien.errors import one_line
from mien.training.classroom import Classroom, logits_of
from mien.training.losses import head_score
from mien.training.networks.building import trained_network
from mien.training.recipe_files import read_recipe
from mien.training.targets import targets_of
from mien.training.weights_file import device_name, write_weights

RECIPES = Path(__file__).parent
TEACHERS = ("teacher-senet", "teacher-resnet", "teacher-vgg")
FIRST = "mien-base"
PUPILS = ("mien-base", "mien-small")
FOR_TEACHERS, FOR_FIRST = 0.2, 0.3
"""Shares of the time."""


def main() -> None:
    """Read the table, train, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, help="of gate_data.py --emotions")
    parser.add_argument("--minutes", type=float, default=24, help="of all rounds together, 24 by default")
    parser.add_argument("--output", type=Path, default=Path("released"), help="the folder, 'released' by default")
    parser.add_argument("--first", type=Path, help="weights of a first mien-base; without them one is trained")
    parser.add_argument("--set", action="append", default=[], help="of every recipe, such as loop.batch=64")
    given = parser.parse_args()
    lead = read_recipe(RECIPES / f"{PUPILS[0]}.toml")
    splits = (lead.data.training, lead.data.validation)
    samples = read_samples(given.table, spec=lead.crop.spec(), splits=splits)
    training, validation = (samples.of_split(split) for split in splits)
    seconds = 60 * given.minutes
    make(training, validation, seconds=seconds, output=given.output, first=given.first, changes=given.set)


def make(
    training: Samples,
    validation: Samples,
    *,
    seconds: float,
    output: Path,
    first: Path | None = None,
    changes: Sequence[str] = (),
) -> None:
    """Train the teachers, the first mien-base and the pupils, and write their weights.

    Args:
        training: pictures to learn from.
        validation: pictures to tell by how it goes.
        seconds: what all may take.
        output: the folder to write to.
        first: weights of a first mien-base, which make the first two rounds needless.
        changes: values of every recipe, as for `mien train --set`.
    """
    torch.backends.cudnn.benchmark = True
    if first:
        bases = [trained_network(read_recipe(RECIPES / f"{FIRST}.toml", changes), first)]
    else:
        seen = (with_emotion(training), with_emotion(validation))
        teachers = learnt(TEACHERS, *seen, (), FOR_TEACHERS * seconds, output, changes)
        for_first = FOR_FIRST * seconds
        bases = learnt((FIRST,), training, validation, teachers, for_first, output, changes, suffix="-first")
        seconds *= 1 - FOR_TEACHERS - FOR_FIRST
    learnt(PUPILS, training, validation, bases, seconds, output, changes)


def tell_score(teachers: Sequence[nn.Module], validation: Samples) -> None:
    """Print how teachers, on the device, do together, on the mirror image too."""
    lead = read_recipe(RECIPES / f"{TEACHERS[0]}.toml")
    asked = with_emotion(validation)
    right = targets_of(asked, lead)
    logits = logits_of(teachers, torch.from_numpy(asked.crops).to(the_device()), views=2)
    scores = {name: round(head_score(logits[name], right[name], head), 4) for name, head in lead.heads.items()}
    print("teachers together, mirrored too:", scores, flush=True)


def learnt(
    names: Sequence[str],
    training: Samples,
    validation: Samples,
    teachers: Sequence[nn.Module],
    seconds: float,
    output: Path,
    changes: Sequence[str],
    *,
    suffix: str = "",
) -> list[nn.Module]:
    """Train networks together, or go on with it, write their weights, and return them.

    Args:
        names: of their recipes, and of the files of weights.
        training: pictures to learn from.
        validation: pictures to tell by how it goes.
        teachers: what they learn from.
        seconds: what it may take.
        output: the folder to write to.
        changes: values of every recipe.
        suffix: of the files' names.
    """
    files = [output / f"{name}{suffix}.safetensors" for name in names]
    recipes = [read_recipe(RECIPES / f"{name}.toml", changes) for name in names]
    if all(file.exists() for file in files):
        print(f"there already: {', '.join(map(str, files))}", flush=True)
        return [trained_network(recipe, file) for recipe, file in zip(recipes, files, strict=True)]
    device = the_device()
    teachers = [teacher.to(device).to(memory_format=torch.channels_last) for teacher in teachers]
    if teachers:
        tell_score(teachers, validation)
    classroom = Classroom(recipes, training, validation, teachers=teachers, device=device)
    checkpoint = output / f"{'-and-'.join(names)}{suffix}.ckpt"
    epochs = classroom.learn(seconds=seconds, keep=checkpoint, tell=lambda line: print(line, flush=True))
    networks = list(classroom.networks().values())
    trained = f"{epochs} epochs on {device_name(gpu=device.type == 'cuda')}"
    for file, network in zip(files, networks, strict=True):
        write_weights(file, halved(network), trained=trained)
    checkpoint.unlink(missing_ok=True)
    return networks


def with_emotion(samples: Samples) -> Samples:
    """Return the pictures that show an emotion of FER-2013."""
    return samples.take(np.asarray(samples.fer7 >= 0))


def the_device() -> torch.device:
    """Return the GPU, or the CPU where there is none."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def halved(network: nn.Module) -> dict[str, torch.Tensor]:
    """Return weights, matrices in half precision."""
    weights = {key: value.cpu().contiguous() for key, value in network.state_dict().items()}
    return {key: value.half() if value.ndim > 1 else value for key, value in weights.items()}


if __name__ == "__main__":
    one_line(main)
