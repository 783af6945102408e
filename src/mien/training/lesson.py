"""One training step and one validation step: crops and targets in, losses and scores out."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from mien.data.samples import Samples
from mien.errors import RecipeError, TrainingError
from mien.training.augment import augment, cutmix, mixup
from mien.training.batches import Batch, Batches, Pictures
from mien.training.losses import class_balance, head_loss, head_score
from mien.training.networks.building import build_network
from mien.training.optimisers import build_optimiser
from mien.training.recipe import Recipe
from mien.training.run_pictures import PICTURES, check_same_pictures, digests_of
from mien.training.starting import start_from
from mien.training.targets import Target, Targets, check_classes, check_shares, groups_of, targets_of
from mien.training.teaching import TeacherModels, blended

SCORE = "validation/score"
"""The mean over the heads of what `mien.training.losses.head_score` gives."""
LOSS = "validation/loss"


class Lesson(lightning.LightningModule):
    """A network being trained by a recipe.

    Args:
        recipe: what to do.
        training: pictures to learn from.
        validation: pictures to choose the epoch by; every process scores all of them, for they are few.
        load: whether to read pretrained weights; False where a checkpoint will overwrite them anyway.
        teacher: what trained models say to the pictures to learn from, see `mien.training.teaching.ask`.

    Raises:
        DataError: the pictures have not the labels that the recipe's heads learn from, or too few for a share.
        RecipeError: an impossible network, or a teacher that does not fit.
        WeightsError: pretrained weights or a teacher cannot be had.
    """

    def __init__(
        self,
        recipe: Recipe,
        training: Samples,
        validation: Samples,
        *,
        load: bool = True,
        teacher: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.recipe = recipe
        self._models = TeacherModels(recipe) if recipe.teacher.models and recipe.teacher.each_batch else None
        learnt = targets_of(training, recipe)
        if teacher is not None:
            learnt = blended(learnt, teacher, share=recipe.teacher.share)
        groups = groups_of(training, recipe)
        check_shares(groups, recipe, count=len(training))
        self._training = Pictures(torch.from_numpy(training.crops), learnt, groups)
        self._validation = Pictures(torch.from_numpy(validation.crops), targets_of(validation, recipe))
        check_classes(learnt, recipe, split=recipe.data.training)
        self._names = digests_of({"training": training, "validation": validation})
        network = build_network(recipe, load=load)
        if load and recipe.start:
            start_from(network, recipe.start, training.crops, labels=recipe.labels())
        self.network = network.to(memory_format=torch.channels_last)
        self._balance = {name: class_balance(self._training.targets[name], head) for name, head in recipe.heads.items()}
        self._learnt: list[tuple[dict[str, Tensor], Targets]] = []  # the answers of this epoch's batches
        self._compiled: Callable[[Tensor], dict[str, Tensor]] | None = None

    def train_dataloader(self) -> Batches:
        """Batches of the current epoch; the trainer asks again at every epoch."""
        order = (self.recipe.seed, self.current_epoch)
        part = (self.trainer.global_rank, self.trainer.world_size)
        return Batches(self._training, batch=self.recipe.loop.batch, order=order, part=part)

    def val_dataloader(self) -> Batches:
        """All validation pictures, in order."""
        return Batches(self._validation, batch=256)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Say in the checkpoint which pictures the run has."""
        checkpoint[PICTURES] = self._names

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Make sure that a resumed run has the pictures that it was started with; an older checkpoint does not say.

        Raises:
            RecipeError: it has others.
        """
        check_same_pictures(Path(self.trainer.default_root_dir), checkpoint.get(PICTURES, {}), self._names)

    def on_train_start(self) -> None:
        """End at once what had ended when it was interrupted: its last checkpoint says that patience is over."""
        for stopping in self.trainer.early_stopping_callbacks:
            if stopping is not None and stopping.wait_count >= stopping.patience:
                self.trainer.should_stop = True

    def on_train_epoch_start(self) -> None:
        """Seed dropout by the epoch, so that a resumed run draws what the unbroken one would have drawn."""
        torch.manual_seed((self.recipe.seed * 100_003 + self.current_epoch) * 1009 + self.trainer.global_rank)
        self._learnt.clear()
        thaw = getattr(self.network, "thaw", None)
        if thaw is not None:
            thaw(self.current_epoch)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of one augmented batch."""
        crops, targets = batch
        x, partner, share = self._changed(crops)
        other = targets if partner is None else targets.take(partner)
        if self._models is not None:
            said = self._models.answers_to(x, targets, other)
            targets, other = (blended(each, said, share=self.recipe.teacher.share) for each in (targets, other))
        logits = self._logits(x)
        loss = self._loss(logits, targets)
        if partner is not None:
            loss = share * loss + (1 - share) * self._loss(logits, other)
        if not torch.isfinite(loss):
            raise TrainingError(
                f"the loss is {loss.item()} in epoch {self.current_epoch + 1}, step {batch_idx + 1}; the run is kept "
                "up to the epoch before: lower optimiser.rate or set optimiser.clip = 1, and start anew"
            )
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(crops), sync_dist=self._several)
        self._learnt.append(({name: found.detach().float() for name, found in logits.items()}, targets))
        return loss

    def on_validation_epoch_start(self) -> None:
        """Forget the answers of the epoch before."""
        self._answers: list[dict[str, Tensor]] = []

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Answer a batch with the averaged weights."""
        self._answers.append({name: logits.float().cpu() for name, logits in self.network(batch[0]).items()})

    def on_validation_epoch_end(self) -> None:
        """Log the loss, the score of each head, and their mean, which chooses the epoch; and training's scores."""
        for name, head in self.recipe.heads.items():
            answers = torch.cat([logits[name] for logits, _ in self._learnt])
            score = head_score(answers, Target.joined([targets[name] for _, targets in self._learnt]), head)
            self.log(f"train/{name}", score, sync_dist=self._several)
        self._learnt.clear()
        logits = {name: torch.cat([part[name] for part in self._answers]) for name in self.recipe.heads}
        targets = self._validation.targets
        self.log(LOSS, self._loss(logits, targets))
        scores = {name: head_score(logits[name], targets[name], head) for name, head in self.recipe.heads.items()}
        for name, score in scores.items():
            self.log(f"validation/{name}", score, prog_bar=True)
        self.log(SCORE, sum(scores.values()) / len(scores))

    def configure_optimizers(self) -> Any:
        """The recipe's optimiser and schedule."""
        steps = len(self.train_dataloader())
        return build_optimiser(self.network, self.recipe.optimiser, steps=steps, epochs=self.recipe.loop.epochs)

    def on_train_epoch_end(self) -> None:
        """Let a plateau's schedule see the epoch, before its checkpoint is written: Lightning would do so after it."""
        schedule = self.lr_schedulers()
        if isinstance(schedule, ReduceLROnPlateau):
            schedule.step(self.trainer.callback_metrics[LOSS])

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Move the schedule on; a plateau's has been."""
        if not isinstance(scheduler, ReduceLROnPlateau):
            super().lr_scheduler_step(scheduler, metric)

    def _logits(self, x: Tensor) -> dict[str, Tensor]:
        try:
            return self._network()(x)
        except ValueError as error:
            if len(x) > 1:
                raise
            raise RecipeError(
                "batch norm needs two pictures a step, and this step has one; set loop.batch to 2 or more, learn from "
                "more pictures, or leave batch norm out"
            ) from error

    def _changed(self, crops: Tensor) -> tuple[Tensor, Tensor | None, float]:
        settings = self.recipe.augmentation
        draw = np.random.default_rng((self.recipe.seed, self.global_step, self.trainer.global_rank))
        generator = torch.Generator(self.device).manual_seed(int(draw.integers(2**62)))
        x = augment(crops, settings, generator, side=self.recipe.side(self.current_epoch))
        kind, share = draw.random(), float(draw.beta(settings.mixup_alpha, settings.mixup_alpha))
        if kind < settings.mixup:
            return *mixup(x, share=share, generator=generator), share
        if kind < settings.mixup + settings.cutmix:
            return cutmix(x, share=share, generator=generator)
        return x, None, 1.0

    def _network(self) -> Callable[[Tensor], dict[str, Tensor]]:
        if not self.recipe.loop.compile:
            network: nn.Module = self.network
            return network
        if self._compiled is None:
            # Compiled late and kept as a function: the averaging of weights copies this module before the first step.
            # Each side of the crops anew, for code for any side is slower.
            self._compiled = torch.compile(self.network.forward, dynamic=False)
        return self._compiled

    def _loss(self, logits: dict[str, Tensor], targets: Targets) -> Tensor:
        parts = [
            head.weight * head_loss(logits[name], targets[name], head, self._on(self._balance[name], targets[name]))
            for name, head in self.recipe.heads.items()
        ]
        return torch.stack(parts).sum()

    @staticmethod
    def _on(balance: Tensor | None, target: Target) -> Tensor | None:
        return None if balance is None else balance.to(target.values.device)

    @property
    def _several(self) -> bool:
        return self.trainer.world_size > 1
