"""The part of a recipe that says how training crops are changed."""

from typing import Annotated

from pydantic import Field, model_validator

from mien.training.model_recipe import Rate, Section, Share

Pixels = Annotated[int, Field(ge=1, le=48)]


class Augmentation(Section):
    """How much training crops are changed; shares are of the crop's side, probabilities 0 to 1.

    Attributes:
        rotation_degrees: up to this many degrees either way.
        scale: larger or smaller by up to this share.
        shift: moved by up to this share, in x and in y.
        flip: probability of a mirror image.
        contrast: changed by up to this share.
        brightness: changed by up to this share of full white.
        blur: probability that a crop loses its detail, by shrinking it to between three quarters and a fifth and back.
        noise: probability that a crop gets sensor noise (Gaussian, up to 12 of 255 levels).
        jpeg: probability that a crop is compressed, at a quality of 10 to 60.
        erase: probability that one rectangle is erased.
        erase_pixels: its shortest and longest side, in pixels of a 48-pixel crop, 1 to 48.
        mixup: probability that a whole batch is blended with itself.
        mixup_alpha: parameter of the Beta distribution of the blend.
        cutmix: probability that a rectangle of each crop of a batch comes from another crop.
    """

    rotation_degrees: float = Field(default=15, ge=0, le=180)
    scale: Rate = 0.15
    shift: Rate = 0.12
    flip: Share = 0.5
    contrast: Rate = 0.2
    brightness: Rate = 0.1
    blur: Share = 0.0
    noise: Share = 0.0
    jpeg: Share = 0.0
    erase: Share = 0.4
    erase_pixels: tuple[Pixels, Pixels] = (6, 20)
    mixup: Share = 0.5
    mixup_alpha: float = Field(default=0.4, gt=0)
    cutmix: Share = 0.0

    @model_validator(mode="after")
    def _consistent(self) -> "Augmentation":
        if self.mixup + self.cutmix > 1:
            raise ValueError("mixup and cutmix are drawn for the same batches: together they may be 1 at most")
        shortest, longest = self.erase_pixels
        if shortest > longest:
            raise ValueError(f"erase_pixels = [{shortest}, {longest}]: the shortest side is longer than the longest")
        return self
