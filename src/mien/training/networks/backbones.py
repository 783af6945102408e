"""Transfer learning: a network of timm under mien's own input and heads."""

from pathlib import Path
from typing import Any

import timm
import torch
from huggingface_hub import constants as hub
from huggingface_hub import get_session
from torch import Tensor, nn
from torch.nn import functional

from mien.errors import RecipeError, WeightsError, unknown_name
from mien.training.model_recipe import Backbone
from mien.training.networks.parts import Heads, channels_last

PATIENCE = 10
"""Seconds that the hub of timm's weights has to answer, before it counts as out of reach."""


class BackboneNet(nn.Module):
    """Gray or RGB crops -> RGB as the backbone was trained on -> its features -> heads.

    Args:
        settings: which backbone, from which weights, what is frozen.
        heads: number of logits of each head, by its name.
        crop_size: side of the crops, pixels.
        load: whether to read the pretrained weights; False where a checkpoint will overwrite them anyway.

    Raises:
        UsageError: timm has no such network.
        RecipeError: timm cannot make it.
        WeightsError: the pretrained weights cannot be had.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, settings: Backbone, heads: dict[str, int], *, crop_size: int, load: bool) -> None:
        super().__init__()
        self.settings = settings
        self.backbone = _backbone(settings, load=load)
        config: dict[str, Any] = timm.data.resolve_model_data_config(self.backbone)  # type: ignore[no-untyped-call, attr-defined]
        self.register_buffer("mean", 255 * torch.tensor(config["mean"]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", 255 * torch.tensor(config["std"]).view(1, 3, 1, 1), persistent=False)
        self.heads = Heads(self._features(settings.size or crop_size), settings.dense, heads)
        self.thaw(0)

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """(n, 1 or 3, size, size) pixels 0 to 255 -> logits of each head, (n, labels) float32."""
        x = pixels.float()
        if self.settings.size:
            side = self.settings.size
            x = functional.interpolate(x, size=(side, side), mode="bilinear", align_corners=False)
        x = x.expand(-1, 3, -1, -1)  # a gray picture is an RGB picture whose channels are equal
        logits: dict[str, Tensor] = self.heads(self.backbone(channels_last((x - self.mean) / self.deviation)))
        return logits

    def thaw(self, epoch: int) -> None:
        """Let those parts of the backbone learn that the recipe lets learn in this epoch, counted from 0."""
        parts = [part for part in self.backbone.children() if any(True for _ in part.parameters())]
        free = len(parts)
        if self.settings.frozen:
            free = epoch // self.settings.unfreeze_every if self.settings.unfreeze_every else 0
        self.backbone.requires_grad_(free >= len(parts))
        for part in parts[len(parts) - min(free, len(parts)) :]:
            part.requires_grad_(True)
        self.train(self.training)

    def train(self, mode: bool = True) -> "BackboneNet":
        """Go to training mode; norms of frozen parts keep the statistics that they came with."""
        super().train(mode)
        for module in self.backbone.modules():
            own = list(module.parameters(recurse=False))
            if own and not any(parameter.requires_grad for parameter in own):
                module.eval()
        return self

    def _features(self, side: int) -> int:
        was = self.backbone.training
        self.backbone.eval()
        try:
            with torch.inference_mode():
                features = self.backbone(torch.zeros(1, 3, side, side))
        except (RuntimeError, AssertionError, ValueError) as error:
            raise WeightsError(
                f"{self.settings.backbone}: cannot work on pictures of {side} pixels ({str(error).splitlines()[0]}); "
                "give it a larger model.size"
            ) from error
        self.backbone.train(was)
        return int(features.shape[1])


def _backbone(settings: Backbone, *, load: bool) -> nn.Module:
    name = settings.backbone
    if not timm.is_model(name):
        raise unknown_name("backbone", name, timm.list_models(), "timm.list_models() names them all.") from None
    options: dict[str, Any] = {"num_classes": 0}
    file = Path(settings.pretrained) if isinstance(settings.pretrained, str) else None
    if not load or settings.pretrained is False:
        try:
            return timm.create_model(name, pretrained=False, **options)
        except RuntimeError as error:  # a name without its tag, which timm knows, and another tag
            raise RecipeError(f"model.backbone: timm cannot make {name} ({error}); choose another name") from error
    if file is None:
        return _downloaded(name, options)
    if not file.is_file():
        raise WeightsError(f"{file}: no such file (model.pretrained); give the path of weights for {name}")
    options["pretrained_cfg_overlay"] = {"file": str(file), "custom_load": False}
    try:
        return timm.create_model(name, pretrained=True, **options)
    except Exception as error:  # timm and torch raise whatever the file makes them
        raise WeightsError(f"{file}: holds no weights for {name} ({_reason(error)})") from error


def _downloaded(name: str, options: dict[str, Any]) -> nn.Module:
    # The hub's client tries each file six times in 23 seconds, also where it has been downloaded before. So the
    # hub is asked once, and where it does not answer the client is told to look no further than its own folder.
    silence, was_offline = _silence(), hub.HF_HUB_OFFLINE
    hub.HF_HUB_OFFLINE = was_offline or bool(silence)
    try:
        return timm.create_model(name, pretrained=True, **options)
    except Exception as error:  # timm, its hub client and torch raise whatever the network makes them
        raise WeightsError(
            f"weights of {name} cannot be downloaded ({silence or _reason(error)}); where there is no network, fetch "
            'them elsewhere, copy them here and give the file: --set model.pretrained="FILE", or start without: '
            "--set model.pretrained=false"
        ) from error
    finally:
        hub.HF_HUB_OFFLINE = was_offline


def _silence() -> str:
    # Why the hub does not answer, empty where it does.
    try:
        get_session().head(hub.ENDPOINT, timeout=PATIENCE)
    except Exception as error:  # of whichever HTTP library the client is made of
        return f"{hub.ENDPOINT} does not answer: {_reason(error)}"
    return ""


def _reason(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
