"""Training recipes: the typed content of a TOML file. `mien.training.recipe_files` reads and writes them."""

import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator
from torch import nn

from mien.labels import LABEL_SETS
from mien.model_card import FER2013_CROP, CropSpec
from mien.training.augmentation_recipe import Augmentation
from mien.training.head_recipe import HeadRecipe, Teacher
from mien.training.model_recipe import Compact, Ensemble, Lean, Model, Rate, Section

TAKEN = ("loss", "score", "pixels")
"""Columns of the curves and the input of the exported file: no head is called so."""

USUAL_MOMENTUM = 0.9


class Crop(Section):
    """The crops that the network sees.

    Attributes:
        size: side, pixels.
        color: channels.
    """

    size: int = Field(default=48, ge=8, le=512)
    color: Literal["gray", "rgb"] = "gray"

    def spec(self) -> CropSpec:
        """Return the crop as the weight file's card says it."""
        return replace(FER2013_CROP, size=self.size, color=self.color)


class Data(Section):
    """Which rows of the table are used for what; none are used twice.

    Attributes:
        training: name of the split to learn from.
        validation: name of the split that chooses epoch, temperature and thresholds.
        test: name of the split for the final figures; empty for none yet.
        limit: use so many pictures of each split, drawn by the recipe's seed; 0 uses all.
        shares: for labels of the table, which share of the pictures of an epoch they are, such as
            ``{ not_face = 0.15 }``: so many of them are drawn anew for every epoch, and there have to be so many.
            Others are all seen in every epoch. A head's ``class_weights`` are of the pictures before this draw.
    """

    training: str = "Training"
    validation: str = "PublicTest"
    test: str = "PrivateTest"
    limit: int = Field(default=0, ge=0)
    shares: dict[str, Rate] = Field(default_factory=dict)

    @field_validator("shares")
    @classmethod
    def _leave_something(cls, shares: dict[str, float]) -> dict[str, float]:
        if sum(shares.values()) >= 1:
            raise ValueError(f"the shares are {sum(shares.values()):.2g} together; leave something for other labels")
        return shares

    @model_validator(mode="after")
    def _told_apart(self) -> "Data":
        # Figures on pictures that something was learnt from or chosen by would be called what they are not.
        for one, other in combinations(("training", "validation", "test"), 2):
            if (name := getattr(self, one)) == getattr(self, other):
                otherwise = (
                    "test none with --set data.test=''" if other == "test" else "make one with `mien data split`"
                )
                raise ValueError(f"{one} and {other} are both {name!r}; name another split, or {otherwise}")
        return self


class Optimiser(Section):
    """How the weights are found.

    Attributes:
        kind: ``sgd`` is with Nesterov momentum.
        rate: learning rate, at its highest.
        momentum: of SGD. ``one-cycle`` moves it itself, from 0.95 down to 0.85 and up again, and takes no other.
        weight_decay: on weights of convolutions and linear layers only.
        schedule: ``cosine`` to zero, ``one-cycle`` (Smith & Topin 2017, arXiv:1708.07120), ``plateau`` (a tenth when
            the validation loss has not fallen for three epochs), or ``constant``.
        warmup_epochs: passes until the full rate, for ``cosine`` and ``constant``.
        clip: largest norm of the gradient; 0 leaves it.
        average: decay of the exponential moving average of the weights; the average is what is validated and kept. 0
            keeps the weights themselves.
    """

    kind: Literal["sgd", "adam", "adamw"] = "sgd"
    rate: float = Field(default=0.1, gt=0)
    momentum: Rate = USUAL_MOMENTUM
    weight_decay: float = Field(default=5e-4, ge=0)
    schedule: Literal["cosine", "one-cycle", "plateau", "constant"] = "cosine"
    warmup_epochs: float = Field(default=0, ge=0)
    clip: float = Field(default=0, ge=0)
    average: Rate = 0.999

    @model_validator(mode="after")
    def _one_momentum(self) -> "Optimiser":
        # The usual one stands in the recipe of every run, which spells all values out, and is no wish.
        if self.schedule == "one-cycle" and self.momentum != USUAL_MOMENTUM:
            raise ValueError(
                f"momentum = {self.momentum:g} is not used: one-cycle moves it from 0.95 to 0.85 and back; leave "
                "momentum out, or choose another schedule"
            )
        return self


class Loop(Section):
    """How long, in which steps and on what.

    Attributes:
        batch: pictures a step and process.
        epochs: passes over the training pictures.
        sides: of the training crops, pixels, each for an equal part of the epochs, such as ``[32, 40, 48]``: smaller
            ones first make the whole faster (progressive learning, Tan & Le 2021, arXiv:2104.00298). It takes a network
            that pools, ``compact`` or ``lean``. Validation is scored at crop.size throughout, and jumps when training
            gets there. Empty leaves them at crop.size.
        monitor: what chooses the epoch: the mean ``score`` of the heads on validation, or its ``loss``.
        patience: stop after so many epochs without a better one; 0 never.
        precision: ``bf16`` (mixed), ``16`` (mixed, GPU only) or ``32``; ``auto`` takes ``bf16`` on a GPU that
            has it and on a CPU that convolves faster in it, which is tried out, and ``32`` elsewhere.
        compile: compile the training step (torch.compile): a minute at the start, then up to a third faster. It needs a
            C++ compiler.
        device: ``auto`` takes a GPU where there is one.
        devices: processes on this machine, one a GPU.
        nodes: machines.
        mlflow: tracking address of MLflow, such as ``sqlite:///mlflow.db``; empty without.
    """

    batch: int = Field(default=128, gt=0)
    epochs: int = Field(default=40, gt=0)
    sides: tuple[Annotated[int, Field(ge=8)], ...] = ()
    monitor: Literal["score", "loss"] = "score"
    patience: int = Field(default=0, ge=0)
    precision: Literal["auto", "bf16", "16", "32"] = "auto"
    compile: bool = False
    device: Literal["auto", "cpu", "gpu"] = "auto"
    devices: int = Field(default=1, ge=1)
    nodes: int = Field(default=1, ge=1)
    mlflow: str = ""

    @field_validator("precision", mode="before")
    @classmethod
    def _as_word(cls, precision: Any) -> Any:
        return str(precision) if type(precision) is int else precision  # --set loop.precision=32 is a number


class Card(Section):
    """What the weight file says about itself in words, see `mien.model_card.ModelCard`.

    Attributes:
        intended_use: what the model is meant for.
        limits: what it cannot do and must not be used for.
        data_license: of the pictures that it learns from.
        license: of the weights.
        retrain: the command that makes it again.
    """

    intended_use: str = ""
    limits: str = ""
    data_license: str = ""
    license: str = "MIT"
    retrain: str = ""


class Recipe(Section):
    """One experiment or released model.

    Attributes:
        name: of the model that it makes, in small letters, digits and hyphens.
        about: one sentence: what it is and what it is for.
        published: what the project that it repeats published; empty for experiments of our own.
        seed: of everything random.
        model: the network.
        start: weights to begin with: the folder of a finished run, a .safetensors file of one, a float32 .onnx file
            made by ``mien export``, or the name of a shipped model. The network must be the same; heads that the file
            lacks, or has with other labels, begin fresh. Empty begins with random weights.
        crop: what it sees.
        data: which rows are used for what.
        teacher: trained models to learn from as well.
        heads: what it answers, by the head's name.
        augmentation: how training crops are changed.
        optimiser: how the weights are found.
        loop: how long and on what.
        card: what the weight file says about itself.
    """

    name: str
    about: str = ""
    published: str = ""
    seed: int = Field(default=0, ge=0, lt=2**32)
    model: Model = Compact()
    start: str = ""
    crop: Crop = Crop()
    data: Data = Data()
    teacher: Teacher = Teacher()
    heads: dict[str, HeadRecipe] = Field(min_length=1)
    augmentation: Augmentation = Augmentation()
    optimiser: Optimiser = Optimiser()
    loop: Loop = Loop()
    card: Card = Card()

    @field_validator("name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
            near = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
            guess = f", such as {near!r}" if near else ""
            raise ValueError(f"is no name for a model; use small letters, digits and hyphens{guess}")
        return name

    @field_validator("model", mode="before")
    @classmethod
    def _usual_kind(cls, model: Any) -> Any:
        return {"kind": "compact", **model} if isinstance(model, dict) else model

    @field_validator("heads")
    @classmethod
    def _names_of_heads(cls, heads: dict[str, HeadRecipe]) -> dict[str, HeadRecipe]:
        # They name the network's layers, the outputs of the exported file, and files of the run.
        for name in heads:
            if not re.fullmatch(r"[\w -]+", name):
                raise ValueError(f"{name!r} is no name for a head; use letters, digits, blanks, - and _")
            if name in TAKEN or hasattr(nn.ModuleDict(), name):
                raise ValueError(
                    f"{name!r} is no name for a head: something else is called so in networks, curves or weight files; "
                    f"choose another, such as {name + '-head'!r}, and say its labels"
                )
        return heads

    @model_validator(mode="after")
    def _labels_known(self) -> "Recipe":
        for name, head in self.heads.items():
            known = isinstance(head.labels, tuple) or head.task == "gate" or (head.labels or name) in LABEL_SETS
            if not known:
                raise ValueError(
                    f"heads.{name}: {head.labels or name!r} is no label set ({', '.join(LABEL_SETS)}); "
                    "name one, or list the labels, with labels = "
                )
        return self

    @model_validator(mode="after")
    def _teachers_teach_its_heads(self) -> "Recipe":
        for name in self.teacher.heads:
            if name not in self.heads:
                raise ValueError(f"teacher.heads: {name} is none of the recipe's heads ({', '.join(self.heads)})")
        return self

    @model_validator(mode="after")
    def _teachers_see_the_batch(self) -> "Recipe":
        if self.teacher.each_batch and self.loop.sides:
            raise ValueError("teacher.each_batch asks models that look at whole crops: leave loop.sides out")
        return self

    @model_validator(mode="after")
    def _sides_fit(self) -> "Recipe":
        if self.loop.sides and not isinstance(self.model, Compact | Lean):
            raise ValueError(f"loop.sides is for networks that pool, compact or lean, not {self.model.kind}")
        return self

    def side(self, epoch: int) -> int:
        """Return the side of the training crops, pixels, in an epoch from 0 on."""
        sides = self.loop.sides or (self.crop.size,)
        return sides[epoch * len(sides) // self.loop.epochs]

    def labels(self) -> dict[str, tuple[str, ...]]:
        """Return the labels of each head."""
        return {name: head.names(name) for name, head in self.heads.items()}

    def member_runs(self) -> list[Path]:
        """Return the folders of the runs that an ensemble averages, none for other models."""
        return [Path(member) for member in self.model.members] if isinstance(self.model, Ensemble) else []
