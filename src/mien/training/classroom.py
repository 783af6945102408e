"""Several small networks learn at once on one GPU: pictures in its memory, every step a replayed CUDA graph.

Networks of a few megabytes keep a large GPU busy for less than a millisecond at a time, and what `mien train` does
between two steps takes longer. So here pictures and targets lie on the device, batches are changed several at a time,
and a step (forward, backward, optimiser, average of the weights) is recorded once and replayed. All pupils see the same
batches, and so do their teachers, changed and blended as they are: it teaches more than answers to the pictures as they
were (Beyer et al. 2022, "Knowledge distillation: A good teacher is patient and consistent", arXiv:2106.05237). On a CPU
the same steps run unrecorded, to try things out.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mien.data.samples import Samples
from mien.errors import RecipeError
from mien.training.augment import augment
from mien.training.checkpoints import read_checkpoint, write_checkpoint
from mien.training.losses import head_score
from mien.training.pupils import WARMUP_EPOCHS, Pupil, Teachers, in_bf16
from mien.training.recipe import Recipe
from mien.training.run_pictures import PICTURES, digests_of
from mien.training.targets import Target, Targets, check_classes, groups_of, targets_of

CHUNK = 8
"""Batches that are changed at once, with one strength of blur; each time the device waits for a moment."""

PART = 1024
"""Pictures that are scored at once."""

TELL_EVERY = 20
"""Epochs from one line about validation to the next."""

KEEP_EVERY = 30.0
"""Seconds from one checkpoint to the next; one of four million parameters is written in a tenth of a second."""


class Classroom:
    """Networks that learn from the same pictures at the same time.

    Args:
        recipes: what each network is and learns; batches are drawn, changed and blended as the first one says.
        training: pictures to learn from.
        validation: pictures to tell by how they do; nothing is chosen by it.
        teachers: trained networks, whose averaged probabilities a recipe's `teacher.share` mixes into its targets.
        device: a GPU, or the CPU.

    Raises:
        RecipeError: a recipe wants what is not done here, has other heads than the first, or the name of another one.
        DataError: the pictures have not the labels that the recipes' heads learn from, or none of one of them.
        WeightsError: there are no such weights as a recipe starts with.
    """

    def __init__(
        self,
        recipes: Sequence[Recipe],
        training: Samples,
        validation: Samples,
        *,
        teachers: Sequence[nn.Module] = (),
        device: torch.device,
    ) -> None:
        _check(recipes)
        lead = self._lead = recipes[0]
        self._learnt = [*(recipe.model_dump_json() for recipe in recipes), f"{len(training)} pictures"]
        self._pictures = digests_of({"training": training, "validation": validation})
        self._device, self._batch = device, lead.loop.batch
        self._crops = torch.from_numpy(training.crops).to(device)
        targets = targets_of(training, lead)
        check_classes(targets, lead, split=lead.data.training)
        self._targets = targets.to(device)
        self._validation = torch.from_numpy(validation.crops).to(device)
        self._right = targets_of(validation, lead)
        self._draw = np.random.default_rng(lead.seed)
        self._generator = torch.Generator(device).manual_seed(lead.seed)
        groups = groups_of(training, lead)
        self._groups = [(group.to(device), round(share * self._batch)) for group, share in groups]
        alone = torch.ones(len(training), dtype=torch.bool, device=device)
        for group, _ in self._groups:
            alone[group] = False
        self._alone = alone.nonzero()[:, 0]
        first = self._batch - sum(count for _, count in self._groups)  # of no group: what teachers know about
        self.steps = max(len(self._alone) // first, 1)
        self._first = min(first, len(self._alone))
        self._x, self._given = next(self.batches())
        self._teachers = Teachers(teachers, lead, self._x[: self._first]) if teachers else None
        answers = self._teachers.answers if self._teachers else {}
        self._pupils = {
            recipe.name: Pupil(recipe, training, self._x, self._given, answers, device) for recipe in recipes
        }

    def learn(
        self,
        *,
        epochs: int = 0,
        seconds: float = 0,
        keep: Path | None = None,
        tell: Callable[[str], None] = print,
    ) -> int:
        """Train all networks, and return for how many epochs.

        Args:
            epochs: passes over the pictures of no group; 0 as many as `seconds` allow.
            seconds: what learning may take, where `epochs` is 0.
            keep: a checkpoint, written now and then; where there is one, learning goes on from it, for as many epochs
                as were meant when it began.
            tell: gets a line now and then.

        Raises:
            TrainingError: weights are no numbers any more.
            RecipeError: the checkpoint is of other recipes or pictures, or of no classroom.
            WeightsError: it is damaged.
            OutputError: the checkpoint cannot be written.
        """
        started = time.monotonic()
        if self._teachers:
            self._teachers.record()
        for pupil in self._pupils.values():
            pupil.record()
        number = 0
        if keep and keep.is_file():
            number, epochs = self._restored(keep)
            tell(f"going on after epoch {number} of {epochs}")
        kept = started
        while number < (epochs or WARMUP_EPOCHS):
            began = time.monotonic()
            for step, (x, targets) in enumerate(self.batches()):
                self._step(x, targets, number * self.steps + step, epochs * self.steps)
            number += 1
            if self._device.type == "cuda":
                torch.cuda.synchronize()
            for pupil in self._pupils.values():
                pupil.check(number)
            now = time.monotonic()
            if number == WARMUP_EPOCHS and not epochs:
                epochs = number + max(int((seconds - (now - started)) / (now - began)), 1)
                tell(f"{epochs} epochs of {self.steps} steps, {now - began:.2f} s each, after {now - started:.0f} s")
            if keep and epochs and (now - kept >= KEEP_EVERY or number == epochs):
                self._keep(keep, number, epochs)
                kept = now
            if number % TELL_EVERY == 0 or number == epochs:
                tell(f"epoch {number}, {now - started:.0f} s: {self._lines()}")
        return number

    def networks(self) -> dict[str, nn.Module]:
        """Return the networks with averaged weights, ready to score, by their recipes' names."""
        return {name: pupil.average for name, pupil in self._pupils.items()}

    def _keep(self, path: Path, number: int, epochs: int) -> None:
        state = {
            "learnt": self._learnt,
            PICTURES: self._pictures,
            "number": number,
            "epochs": epochs,
            "generator": self._generator.get_state(),
            "draw": json.dumps(self._draw.bit_generator.state),
            "pupils": {name: pupil.state() for name, pupil in self._pupils.items()},
        }
        write_checkpoint(state, path)

    def _restored(self, path: Path) -> tuple[int, int]:
        """Take over a checkpoint, and return after how many epochs of how many it was written."""
        state = read_checkpoint(path, remedy="delete it to begin anew")
        # One of an earlier version says nothing of the pictures but how many there are.
        if state.get("learnt") != self._learnt or state.get(PICTURES, self._pictures) != self._pictures:
            raise RecipeError(
                f"{path}: is the checkpoint of other recipes or pictures; delete it to begin anew, or give the same"
            )
        self._generator.set_state(state["generator"])
        self._draw.bit_generator.state = json.loads(state["draw"])
        for name, pupil in self._pupils.items():
            pupil.go_on(state["pupils"][name])
        return state["number"], state["epochs"]

    def _step(self, x: Tensor, targets: Targets, step: int, total: int) -> None:
        self._x.copy_(x)
        for name, given in self._given.by_head.items():
            given.values.copy_(targets[name].values)
            given.known.copy_(targets[name].known)
        if self._teachers:
            self._teachers.work.start()
            self._teachers.work.wait()
        for pupil in self._pupils.values():
            pupil.set_rate(step, total, self.steps)
            pupil.work.start()
        for pupil in self._pupils.values():
            pupil.work.wait()

    def batches(self) -> Iterator[tuple[Tensor, Targets]]:
        """Yield the batches of one epoch: changed and blended pixels 0 to 255, and the targets of all heads."""
        order = self._shuffled(self._alone)
        for start in range(0, self.steps, CHUNK):
            count = min(CHUNK, self.steps - start)
            parts = [order[start * self._first : (start + count) * self._first].view(count, self._first)]
            for group, each in self._groups:
                parts.append(
                    group[torch.randint(len(group), (count, each), generator=self._generator, device=self._device)]
                )
            index = torch.cat(parts, 1)
            x = augment(self._crops[index.flatten()], self._lead.augmentation, self._generator)
            for own, part in zip(index, x.view(*index.shape, *x.shape[1:]), strict=True):
                yield self._blended(part, self._targets.take(own))

    def _shuffled(self, index: Tensor) -> Tensor:
        return index[torch.randperm(len(index), generator=self._generator, device=self._device)]

    def _blended(self, x: Tensor, targets: Targets) -> tuple[Tensor, Targets]:
        # As mien.training.augment.mixup, but pictures of no group among themselves, and the targets are blended in
        # place of the losses, which comes to the same: teachers answer to the blend.
        settings = self._lead.augmentation
        if self._draw.random() >= settings.mixup:
            return x, targets
        share = float(self._draw.beta(settings.mixup_alpha, settings.mixup_alpha))
        here = torch.arange(len(x), device=self._device)
        partner = torch.cat([self._shuffled(here[: self._first]), self._shuffled(here[self._first :])])
        blended = {}
        for name, own in targets.by_head.items():
            other = own.take(partner)
            known = share * own.known + (1 - share) * other.known
            values = share * own.values * own.known[:, None] + (1 - share) * other.values * other.known[:, None]
            blended[name] = Target(values / known.clamp(min=1e-6)[:, None], known)
        return share * x + (1 - share) * x[partner], Targets(blended)

    def _lines(self) -> str:
        found = []
        for name, network in self.networks().items():
            logits = logits_of([network], self._validation)
            scores = {
                head: head_score(logits[head], self._right[head], settings)
                for head, settings in self._lead.heads.items()
                if head in logits
            }
            found.append(f"{name} " + " ".join(f"{head} {score:.4f}" for head, score in scores.items()))
        return "; ".join(found)


def logits_of(networks: Sequence[nn.Module], crops: Tensor, *, views: int = 1) -> dict[str, Tensor]:
    """Return the mean logits of networks, on the CPU.

    Args:
        networks: ready to score.
        crops: (n, channels, size, size) uint8 on the networks' device.
        views: 2 to look at the mirror images too.

    Returns:
        For each head (n, labels) float32.
    """
    parts = []
    with torch.inference_mode(), in_bf16(crops.device):
        for start in range(0, len(crops), PART):
            part = crops[start : start + PART]
            looks = [part, part.flip(3)][:views]
            answers = [network(look) for network in networks for look in looks]
            parts.append({name: torch.stack([answer[name] for answer in answers]).mean(0) for name in answers[0]})
    return {name: torch.cat([part[name] for part in parts]).float().cpu() for name in parts[0]}


def _check(recipes: Sequence[Recipe]) -> None:
    # What is not done here is an error, for a recipe would seem to be followed.
    for recipe in recipes:
        wanted = {
            "optimiser.kind": (recipe.optimiser.kind, "sgd"),
            "optimiser.schedule": (recipe.optimiser.schedule, "cosine"),
            "optimiser.clip": (recipe.optimiser.clip, 0),
            "augmentation.cutmix": (recipe.augmentation.cutmix, 0),
            "loop.sides": (recipe.loop.sides, ()),
            "loop.batch": (recipe.loop.batch, recipes[0].loop.batch),
        }
        for key, (value, known) in wanted.items():
            if value != known:
                raise RecipeError(
                    f"{recipe.name}: {key} = {value!r}: networks that learn together take {known!r} only; change it, "
                    "or train the recipe alone with `mien train`"
                )
        if recipe.teacher.models:
            raise RecipeError(
                f"{recipe.name}: teacher.models = {list(recipe.teacher.models)}: networks that learn together take "
                "their teachers from who calls (`teachers`); leave it out, or train the recipe alone with `mien train`"
            )
        if sum(other.name == recipe.name for other in recipes) > 1:
            raise RecipeError(
                f"{recipe.name}: is the name of two recipes; networks that learn together are told apart by their "
                "names, so change one of them"
            )
        if recipe.labels() != recipes[0].labels():
            raise RecipeError(
                f"{recipe.name}: has other heads or labels than {recipes[0].name}; networks that learn together need "
                "the same"
            )
