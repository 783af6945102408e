"""Training recipes: TOML files, checked against these types before anything starts."""

import difflib
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mien.errors import RecipeError


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Model(_Section):
    """The network.

    Attributes:
        kind: the family.
        widths: channels of the stages.
        depths: residual blocks of the stages.
        dropout: before the heads.
        mirrored: answer from the picture and its mirror image together, within one pass.
    """

    kind: Literal["compact"] = "compact"
    widths: tuple[int, ...] = (24, 48, 96, 192)
    depths: tuple[int, ...] = (1, 2, 2, 2)
    dropout: float = Field(default=0.3, ge=0, lt=1)
    mirrored: bool = False


class Loss(_Section):
    """What is minimised: a weighted sum of cross-entropies.

    Attributes:
        fer7: weight of the seven-class label.
        ferplus8: weight of the votes over eight emotions, as soft targets.
        smoothing: label smoothing of the seven-class label.
    """

    fer7: float = Field(default=0.5, ge=0)
    ferplus8: float = Field(default=1.0, ge=0)
    smoothing: float = Field(default=0.1, ge=0, lt=1)


class Augmentation(_Section):
    """How much training crops are changed; shares are of the crop's side, probabilities 0 to 1.

    Attributes:
        rotation_degrees: up to this many degrees either way.
        scale: larger or smaller by up to this share.
        shift: moved by up to this share, in x and in y.
        flip: probability of a mirror image.
        contrast: changed by up to this share.
        brightness: changed by up to this share of full white.
        erase: probability that one rectangle is erased.
        erase_pixels: its shortest and longest side, in pixels of a 48-pixel crop.
        mixup: probability that a whole batch is blended with itself.
        mixup_alpha: parameter of the Beta distribution of the blend.
    """

    rotation_degrees: float = Field(default=15, ge=0, le=180)
    scale: float = Field(default=0.15, ge=0, lt=1)
    shift: float = Field(default=0.12, ge=0, lt=1)
    flip: float = Field(default=0.5, ge=0, le=1)
    contrast: float = Field(default=0.2, ge=0, lt=1)
    brightness: float = Field(default=0.1, ge=0, lt=1)
    erase: float = Field(default=0.4, ge=0, le=1)
    erase_pixels: tuple[int, int] = (6, 20)
    mixup: float = Field(default=0.5, ge=0, le=1)
    mixup_alpha: float = Field(default=0.4, gt=0)


class Optimiser(_Section):
    """SGD with Nesterov momentum, linear warm-up, cosine to zero, and an average of the weights.

    Attributes:
        batch: pictures a step.
        peak_rate: learning rate after the warm-up.
        momentum: of the gradient.
        weight_decay: on weights of convolutions and linear layers only.
        epochs: passes over the training pictures.
        warmup_epochs: passes until the peak.
        average: decay of the exponential moving average of the weights; the average is what is validated and kept.
    """

    batch: int = Field(default=128, gt=0)
    peak_rate: float = Field(default=0.1, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=5e-4, ge=0)
    epochs: int = Field(default=40, gt=0)
    warmup_epochs: float = Field(default=2, ge=0)
    average: float = Field(default=0.999, ge=0, lt=1)


class Recipe(_Section):
    """One experiment or released model.

    Attributes:
        name: of the model that it makes.
        about: one sentence: what it is and what it is for.
        seed: of everything random.
        model: the network.
        loss: what is minimised.
        augmentation: how training crops are changed.
        optimiser: how the weights are found.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    about: str = ""
    seed: int = 0
    model: Model = Model()
    loss: Loss = Loss()
    augmentation: Augmentation = Augmentation()
    optimiser: Optimiser = Optimiser()


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        RecipeError: no such file, not TOML, an unknown key (with the nearest right one) or an impossible value.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecipeError(f"{path}: no such recipe; the ones that come with mien are in recipes/") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise RecipeError(f"{path}: is not a recipe in TOML ({error})") from error
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise RecipeError(f"{path}: {_explain(error.errors()[0])}") from error


def _explain(problem: Any) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] != "extra_forbidden":
        return f"{key} = {problem['input']!r}: {problem['msg']}"
    section: Any = Recipe
    for part in problem["loc"][:-1]:
        section = section.model_fields[part].annotation
    allowed = list(section.model_fields)
    near = difflib.get_close_matches(str(problem["loc"][-1]), allowed, n=1)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    return f"unknown key {key!r}: allowed here are {', '.join(allowed)}.{guess}"
