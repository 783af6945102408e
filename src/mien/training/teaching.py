"""Learning from trained models: their averaged, calibrated answers to each training picture (distillation).

Hinton, Vinyals, Dean 2015, "Distilling the Knowledge in a Neural Network" (arXiv:1503.02531). The answers are asked for
once, on pictures as they are, and kept in the run's folder; crops are changed by augmentation afterwards. Or they are
asked for at each batch, as augmentation has made it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from mien.console import Console
from mien.data.samples import Samples
from mien.errors import RecipeError
from mien.inference.scores import probabilities
from mien.inference.session import Session
from mien.inference.weights import emotion_model
from mien.training.recipe import Recipe
from mien.training.run_pictures import PICTURES
from mien.training.targets import Target, Targets, targets_of
from mien.training.weights_file import header_of, write_tensors

CORNER_SHARE = 1 / 12
"""How much of the side the corner views leave out: 4 of 48 pixels, as in the ten-crop test of the literature."""

PART = 1024
"""Pictures that are worked on at once."""


def kept_answers(recipe: Recipe, training: Samples, kept: Path) -> dict[str, Tensor] | None:
    """Return what a recipe's teachers say to the pictures to learn from, asked for once.

    Args:
        recipe: names the models and how they look.
        training: the pictures to learn from.
        kept: the file of the answers, written at the first call.

    Returns:
        See `TeacherModels.answers`, with zeros for pictures that teach none of these heads; None where the recipe has
        no teacher, or one that is asked at each batch.

    Raises:
        WeightsError: a model cannot be opened.
        RecipeError: a model looks at other crops, names other labels, or has none of the recipe's heads; or the kept
            answers are to other pictures (of a file of an earlier version only their number is known), or damaged.
        OutputError: the file cannot be written.
    """
    if not recipe.teacher.models or recipe.teacher.each_batch:
        return None
    names = training.digest_of_names()
    if not kept.is_file():
        write_tensors(kept, ask(recipe, training), header={PICTURES: names})
    try:
        found, asked = load_file(kept), header_of(kept).get(PICTURES, names)
    except (OSError, SafetensorError) as error:
        raise RecipeError(f"{kept}: cannot be read; delete it, and the teachers are asked again") from error
    if asked != names or any(len(answer) != len(training) for answer in found.values()):
        raise RecipeError(f"{kept}: holds answers to other pictures; delete it, and the teachers are asked again")
    return found


def ask(recipe: Recipe, training: Samples) -> dict[str, Tensor]:
    """Return what a recipe's teachers say to pictures.

    Args:
        recipe: names the models and how they look.
        training: the pictures to learn from.

    Returns:
        See `TeacherModels.answers`; zeros for pictures that teach none of these heads.

    Raises:
        DataError: the pictures have not the labels that the recipe's heads learn from.
        WeightsError: a model cannot be opened.
        RecipeError: a model looks at other crops, names other labels, or has none of the recipe's heads.
    """
    models = TeacherModels(recipe)
    known = models.concerned(targets_of(training, recipe)).numpy()
    crops = training.crops[known]
    found: dict[str, list[NDArray[np.float64]]] = {}
    starts = range(0, len(crops), PART)
    console = Console(stderr=True)
    if not console.is_terminal:  # a log, in which no bar can move
        console.print(f"teachers: {', '.join(recipe.teacher.models)} look at {len(crops)} pictures", soft_wrap=True)
    for start in track(starts, "teachers", console=console, transient=True, disable=not console.is_terminal):
        for name, values in models.answers(crops[start : start + PART]).items():
            found.setdefault(name, []).append(values)
    return _at(found, known)


class TeacherModels:
    """The models that a recipe names as its teachers.

    Args:
        recipe: names the models and how they look.

    Raises:
        WeightsError: a model cannot be opened.
        RecipeError: a model looks at other crops, names other labels, or has none of the recipe's heads.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._teacher = recipe.teacher
        self._sessions = [_opened(model, recipe) for model in recipe.teacher.models]

    def __deepcopy__(self, memo: dict[int, Any]) -> "TeacherModels":
        return self  # the averaging of weights copies all that learns, and these do not

    def concerned(self, targets: Targets) -> Tensor:
        """Return which pictures (n,) bool teach a head that the models have too."""
        taught = sorted({name for _, names in self._sessions for name in names})
        return torch.stack([targets[name].known > 0 for name in taught]).any(0)

    def answers(self, crops: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
        """Return for each head that a model has too the mean (n, labels) of the probabilities, 0 to 1.

        Args:
            crops: (n, channels, size, size).
        """
        sums: dict[str, NDArray[np.float64]] = {}
        counts: dict[str, int] = {}
        for view in _views(crops, self._teacher.views):
            for session, names in self._sessions:
                for name, logits in zip(names, session.logits(view, names), strict=True):
                    head = session.card.head(name)
                    soft = replace(head, temperature=head.temperature * self._teacher.temperature)
                    sums[name] = sums.get(name, 0.0) + probabilities(logits, soft)
                    counts[name] = counts.get(name, 0) + 1
        return {name: total / counts[name] for name, total in sums.items()}

    def answers_to(self, batch: Tensor, *targets: Targets) -> dict[str, Tensor]:
        """Return what the models say to a batch as it was changed.

        Args:
            batch: (n, channels, size, size) float32, 0 to 255, on any device; the models work on the CPU.
            targets: of these pictures, and of those that they were blended with.

        Returns:
            For each head that a model has too (n, labels) float32 on the batch's device; zeros for pictures that teach
            none of these heads.
        """
        known = torch.stack([self.concerned(each) for each in targets]).any(0).cpu().numpy()
        crops = batch.round().clamp(0, 255).byte().cpu().numpy()[known]
        found = {name: [values] for name, values in self.answers(crops).items()}
        return {name: values.to(batch.device) for name, values in _at(found, known).items()}


def blended(targets: Targets, answers: Mapping[str, Tensor], *, share: float) -> Targets:
    """Return targets with a teacher's answers mixed in.

    The loss against the mixture is the same mixture of the losses against both.

    Args:
        targets: what the labels and votes say.
        answers: of `ask`; heads without stay as they are.
        share: of the answers, 0 to 1.
    """
    mixed = dict(targets.by_head)
    for name, answer in answers.items():
        target = targets[name]
        values = ((1 - share) * target.values + share * answer) * target.known[:, None]
        mixed[name] = Target(values, target.known)
    return Targets(mixed)


def _at(found: Mapping[str, list[NDArray[np.float64]]], known: NDArray[np.bool_]) -> dict[str, Tensor]:
    whole = {}
    for name, parts in found.items():
        values = np.zeros((len(known), parts[0].shape[1]), np.float32)
        values[known] = np.concatenate(parts)
        whole[name] = torch.from_numpy(values)
    return whole


def _opened(model: str, recipe: Recipe) -> tuple[Session, list[str]]:
    session = Session(emotion_model(model), threads=torch.get_num_threads())
    own, crop = session.card, recipe.crop.spec()
    if (own.crop.size, own.crop.color) != (crop.size, crop.color):
        raise RecipeError(
            f"teacher.models: {model} looks at {own.crop.color} crops of {own.crop.size} px, the recipe at "
            f"{crop.color} of {crop.size}; teachers must see what the pupil sees"
        )
    labels = recipe.labels()
    if recipe.teacher.heads:
        labels = {name: labels[name] for name in recipe.teacher.heads}
    names = [head.name for head in own.heads if head.name in labels]
    if not names:
        raise RecipeError(
            f"teacher.models: {model} has none of the heads to teach ({', '.join(labels)}); "
            f"it has {', '.join(head.name for head in own.heads)}"
        )
    for name in names:
        if own.head(name).labels != labels[name]:
            raise RecipeError(f"teacher.models: head {name} of {model} has other labels than the recipe's")
    return session, names


def _views(crops: NDArray[np.uint8], count: int) -> Iterator[NDArray[np.uint8]]:
    cuts = [crops]
    if count == 10:
        side = crops.shape[-1]
        less = max(round(side * CORNER_SHARE), 1)
        for top in (0, less):
            for left in (0, less):
                cuts.append(_enlarged(crops[:, :, top : side - less + top, left : side - less + left], side))
    for cut in cuts:
        yield cut
        if count > 1:
            yield np.ascontiguousarray(cut[..., ::-1])


def _enlarged(crops: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    pixels = torch.from_numpy(np.ascontiguousarray(crops)).float()
    larger = functional.interpolate(pixels, size=(side, side), mode="bilinear", align_corners=False)
    return np.asarray(larger.round().clamp(0, 255).byte().numpy())
