"""The part of a recipe that says which network."""

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Width = Annotated[int, Field(gt=0)]
Widths = Annotated[tuple[Width, ...], Field(min_length=1)]
Depths = tuple[Annotated[int, Field(ge=0)], ...]


class Section(BaseModel):
    """A table of a recipe: unknown keys are errors, numbers are finite, and nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _no_switches_for_numbers(cls, content: Any) -> Any:
        # Python takes true for the number 1.
        for key, field in cls.model_fields.items():
            given = content.get(key) if isinstance(content, dict) else None
            values = given if isinstance(given, list | tuple) else (given,)
            kinds = (field.annotation, *get_args(field.annotation))
            if bool not in kinds and any(isinstance(value, bool) for value in values):
                raise ValueError(f"{key} takes neither true nor false")
        return content


class Layer(Section):
    """A dense layer: units, then batch norm, ReLU and dropout.

    Attributes:
        units: outputs.
        batch_norm: whether they are normalised over the batch.
        dropout: share of them that is dropped while training.
    """

    units: int = Field(gt=0)
    batch_norm: bool = True
    dropout: Rate = 0.0


class Compact(Section):
    """mien's own small SE-ResNet, see `mien.training.networks.compact`.

    Attributes:
        kind: the family.
        widths: channels of the stages.
        depths: residual blocks of the stages.
        dropout: before the heads.
        mirrored: answer from the picture and its mirror image together, within one pass.
    """

    kind: Literal["compact"] = "compact"
    widths: Widths = (24, 48, 96, 192)
    depths: Depths = (1, 2, 2, 2)
    dropout: Rate = 0.3
    mirrored: bool = False


class Lean(Section):
    """The small ResNet of the released models, fast in int8, see `mien.training.networks.lean`.

    Attributes:
        kind: the family.
        widths: channels of the stages.
        depths: residual blocks of the stages.
        stem_stride: of the first convolution; 1 keeps the full resolution for it.
        dropout: before the heads.
        mirrored: answer from the picture and its mirror image together, within one pass.
    """

    kind: Literal["lean"]
    widths: Widths = (32, 64, 160, 320)
    depths: Depths = (0, 2, 2, 1)
    stem_stride: Literal[1, 2] = 1
    dropout: Rate = 0.3
    mirrored: bool = False


class Cnn(Section):
    """A plain convolutional network: stages of 3x3 convolutions that end in pooling, then dense layers.

    Attributes:
        kind: the family.
        stages: for each stage the channels of its convolutions, such as ``[[32, 32], [64, 64]]``.
        batch_norm: after each convolution.
        pool: how a stage ends.
        dropout: after each stage's pooling.
        dense: layers between the last stage and the heads.
    """

    kind: Literal["cnn"]
    stages: tuple[tuple[Width, ...], ...] = ((32, 32), (64, 64), (128, 128), (256, 256))
    batch_norm: bool = True
    pool: Literal["max", "average"] = "max"
    dropout: Rate = 0.25
    dense: tuple[Layer, ...] = (Layer(units=256, dropout=0.5),)


class Mlp(Section):
    """Dense layers on the bare pixels.

    Attributes:
        kind: the family.
        dense: the layers before the heads.
    """

    kind: Literal["mlp"]
    dense: tuple[Layer, ...] = (Layer(units=512, dropout=0.3), Layer(units=256, dropout=0.3))


class Backbone(Section):
    """A network of timm under dense layers (transfer learning).

    Attributes:
        kind: the family.
        backbone: its name in timm, such as ``"resnet50"``.
        pretrained: true downloads timm's weights, false starts from random ones, a path reads a local file.
        frozen: whether the backbone keeps its weights.
        unfreeze_every: with `frozen`, thaw one more part of the backbone, from the end, every so many epochs; 0 never.
        size: side to which crops are enlarged before the backbone, pixels; 0 leaves them as they are.
        dense: layers between the backbone and the heads.
    """

    kind: Literal["timm"]
    backbone: str
    pretrained: bool | str = True
    frozen: bool = False
    unfreeze_every: int = Field(default=0, ge=0)
    size: int = Field(default=0, ge=0)
    dense: tuple[Layer, ...] = ()


class Ensemble(Section):
    """The average of the probabilities of trained runs; nothing is trained.

    Attributes:
        kind: the family.
        members: folders of finished runs, with the same heads and crops.
    """

    kind: Literal["ensemble"]
    members: tuple[str, ...] = Field(min_length=2)


Model = Annotated[Compact | Lean | Cnn | Mlp | Backbone | Ensemble, Field(discriminator="kind")]
