"""One training step and one validation step: crops and votes in, losses and scores out."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.data.samples import Samples
from mien.data.votes import plurality, vote_distribution
from mien.labels import FER7, FERPLUS8
from mien.training.augment import augment, mixup
from mien.training.networks import CompactNet
from mien.training.recipe import Recipe

HEADS = {FER7.name: len(FER7), FERPLUS8.name: len(FERPLUS8)}
"""The heads that are trained together, and their number of labels."""


@dataclass(frozen=True)
class Targets:
    """What a batch should be scored as.

    Attributes:
        fer7: (n,) int64 class indices.
        votes: (n, 8) float32 vote distributions, zero rows where there are none.
        voted: (n,) float32, 1 where there are votes, else 0.
        plurality: (n,) int64, the class with the most votes, -1 where left out.
    """

    fer7: Tensor
    votes: Tensor
    voted: Tensor
    plurality: Tensor

    @classmethod
    def of(cls, samples: Samples) -> "Targets":
        """Return the targets of some samples."""
        votes = vote_distribution(samples.votes)
        return cls(
            fer7=torch.from_numpy(samples.fer7),
            votes=torch.from_numpy(np.nan_to_num(votes)),
            voted=torch.from_numpy((~np.isnan(votes[:, 0])).astype(np.float32)),
            plurality=torch.from_numpy(plurality(samples.votes)),
        )

    def take(self, index: Tensor | slice) -> "Targets":
        """Return the targets at these positions."""
        return Targets(self.fer7[index], self.votes[index], self.voted[index], self.plurality[index])

    def to(self, device: torch.device) -> "Targets":
        """Return the targets on a device; Lightning calls this when it moves a batch."""
        return Targets(self.fer7.to(device), self.votes.to(device), self.voted.to(device), self.plurality.to(device))


Batch = tuple[Tensor, Targets]


class Batches:
    """Batches of one epoch out of memory; the order depends on seed and epoch only, so a resumed run repeats it.

    Args:
        samples: pictures and labels.
        batch: pictures a batch. The last, smaller one of a shuffled epoch is left out: its statistics are noisy.
        order: seed and epoch of a shuffled pass, None for a pass in order with nothing left out.
    """

    def __init__(self, samples: Samples, *, batch: int, order: tuple[int, int] | None = None) -> None:
        self.crops = torch.from_numpy(samples.crops)
        self.targets = Targets.of(samples)
        self.batch = batch
        self.order = order

    def __len__(self) -> int:
        count = len(self.crops) / self.batch
        return math.ceil(count) if self.order is None else max(int(count), 1)

    def __iter__(self) -> Iterator[Batch]:
        index = torch.arange(len(self.crops))
        if self.order is not None:
            seed, epoch = self.order
            index = torch.randperm(len(index), generator=torch.Generator().manual_seed(seed * 100_003 + epoch))
        for number in range(len(self)):
            chosen = index[number * self.batch : (number + 1) * self.batch]
            yield self.crops[chosen], self.targets.take(chosen)


class Lesson(lightning.LightningModule):
    """A network being trained by a recipe.

    Args:
        recipe: what to do.
        training: pictures to learn from.
        validation: pictures to choose the epoch by.
    """

    def __init__(self, recipe: Recipe, training: Samples, validation: Samples) -> None:
        super().__init__()
        self.recipe = recipe
        network = build_network(recipe, channels=training.crops.shape[1])
        self.network = network.to(memory_format=torch.channels_last)
        self._training = training
        self._validation = validation

    def train_dataloader(self) -> Batches:
        """Batches of the current epoch; the trainer asks again at every epoch."""
        order = (self.recipe.seed, self.current_epoch)
        return Batches(self._training, batch=self.recipe.optimiser.batch, order=order)

    def val_dataloader(self) -> Batches:
        """All validation pictures, in order."""
        return Batches(self._validation, batch=256)

    def on_train_epoch_start(self) -> None:
        """Seed dropout by the epoch, so that a resumed run draws what the unbroken one would have drawn."""
        torch.manual_seed(self.recipe.seed * 100_003 + self.current_epoch)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of one augmented batch."""
        crops, targets = batch
        settings = self.recipe.augmentation
        draw = np.random.default_rng((self.recipe.seed, self.global_step))
        generator = torch.Generator(self.device).manual_seed(int(draw.integers(2**62)))
        x = augment(crops, settings, generator)
        if draw.random() < settings.mixup:
            share = draw.beta(settings.mixup_alpha, settings.mixup_alpha)
            x, partner = mixup(x, share=share, generator=generator)
            logits = self.network(x)
            loss = share * self._loss(logits, targets) + (1 - share) * self._loss(logits, targets.take(partner))
        else:
            loss = self._loss(self.network(x), targets)
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(crops))
        return loss

    def on_validation_epoch_start(self) -> None:
        """Forget the scores of the epoch before."""
        self._hits = dict.fromkeys(HEADS, 0)
        self._counts = dict.fromkeys(HEADS, 0)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Score a batch with the averaged weights."""
        crops, targets = batch
        logits = self.network(crops)
        self.log("val/loss", self._loss(logits, targets), batch_size=len(crops))
        # Counted, not averaged over batches: pictures without votes cluster, and a whole batch can be without.
        for head, classes in ((FER7.name, targets.fer7), (FERPLUS8.name, targets.plurality)):
            self._hits[head] += int((logits[head].argmax(1) == classes).sum())
            self._counts[head] += int((classes >= 0).sum())

    def on_validation_epoch_end(self) -> None:
        """Log the accuracy of each head, and their mean, which chooses the epoch."""
        accuracies = {head: self._hits[head] / max(self._counts[head], 1) for head in HEADS}
        for head, accuracy in accuracies.items():
            self.log(f"val/{head}", accuracy, prog_bar=True)
        self.log("val/score", sum(accuracies.values()) / len(accuracies))

    def _loss(self, logits: dict[str, Tensor], targets: Targets) -> Tensor:
        weights = self.recipe.loss
        fer7 = functional.cross_entropy(logits[FER7.name], targets.fer7, label_smoothing=weights.smoothing)
        each = -(targets.votes * functional.log_softmax(logits[FERPLUS8.name], dim=1)).sum(1)
        ferplus8 = (each * targets.voted).sum() / targets.voted.sum().clamp(min=1)
        return weights.fer7 * fer7 + weights.ferplus8 * ferplus8

    def configure_optimizers(self) -> Any:
        """SGD with Nesterov momentum, warm-up and cosine; no weight decay on biases and norms."""
        settings = self.recipe.optimiser
        parameters = list(self.network.parameters())
        optimizer = torch.optim.SGD(
            [
                {"params": [p for p in parameters if p.ndim > 1], "weight_decay": settings.weight_decay},
                {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
            ],
            lr=settings.peak_rate,
            momentum=settings.momentum,
            nesterov=True,
        )
        steps = max(int(len(self._training) / settings.batch), 1)
        warmup, total = settings.warmup_epochs * steps, settings.epochs * steps

        def rate(step: int) -> float:
            if step < warmup:
                return (step + 1) / warmup
            return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(total - warmup, 1)))

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def build_network(recipe: Recipe, *, channels: int) -> nn.Module:
    """Return the network of a recipe with fresh weights, drawn from the recipe's seed."""
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        model = recipe.model
        return CompactNet(
            HEADS,
            channels=channels,
            widths=model.widths,
            depths=model.depths,
            dropout=model.dropout,
            mirrored=model.mirrored,
        )
