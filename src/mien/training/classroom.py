"""Several small networks learn at once on one GPU: pictures in its memory, every step a replayed CUDA graph.

Networks of a few megabytes keep a large GPU busy for less than a millisecond at a time, and what `mien train` does
between two steps takes longer. So here pictures and targets lie on the device, batches are changed several at a time,
and a step (forward, backward, optimiser, average of the weights) is recorded once and replayed. All pupils see the same
batches, and so do their teachers, changed and blended as they are: it teaches more than answers to the pictures as they
were (Beyer et al. 2022, "Knowledge distillation: A good teacher is patient and consistent", arXiv:2106.05237). On a CPU
the same steps run unrecorded, to try things out.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn

from mien.data.samples import Samples
from mien.errors import RecipeError, TrainingError
from mien.training.augment import augment
from mien.training.losses import class_balance, head_loss, head_score
from mien.training.networks.building import build_network
from mien.training.optimisers import parameter_groups
from mien.training.recipe import Recipe
from mien.training.starting import start_from
from mien.training.targets import Target, Targets, groups_of, targets_of

CHUNK = 8
"""Batches that are changed at once, with one strength of blur; each time the device waits for a moment."""

WARMUP_STEPS = 3
"""Steps at a rate of 0 before recording: in them libraries choose their algorithms and optimisers make their state."""

WARMUP_EPOCHS = 2
"""At least so many epochs of rising rate: the second one tells how many more there is time for."""

PART = 1024
"""Pictures that are scored at once."""

TELL_EVERY = 20
"""Epochs from one line about validation to the next."""


class Classroom:
    """Networks that learn from the same pictures at the same time.

    Args:
        recipes: what each network is and learns; batches are drawn, changed and blended as the first one says.
        training: pictures to learn from.
        validation: pictures to tell by how they do; nothing is chosen by it.
        teachers: trained networks, whose averaged probabilities a recipe's `teacher.share` mixes into its targets.
        device: a GPU, or the CPU.

    Raises:
        RecipeError: a recipe wants what is not done here, or has other heads than the first.
        DataError: the pictures have not the labels that the recipes' heads learn from.
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
        self._device, self._batch = device, lead.loop.batch
        self._crops = torch.from_numpy(training.crops).to(device)
        self._targets = targets_of(training, lead).to(device)
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
        self._x, self._given = next(self._batches())
        self._teachers = _Teachers(teachers, lead, self._x[: self._first]) if teachers else None
        answers = self._teachers.answers if self._teachers else {}
        self._pupils = {
            recipe.name: _Pupil(recipe, training, self._x, self._given, answers, device) for recipe in recipes
        }

    def learn(self, *, epochs: int = 0, seconds: float = 0, tell: Callable[[str], None] = print) -> int:
        """Train all networks, and return for how many epochs.

        Args:
            epochs: passes over the pictures of no group; 0 as many as `seconds` allow.
            seconds: what learning may take, where `epochs` is 0.
            tell: gets a line now and then.

        Raises:
            TrainingError: weights are no numbers any more.
        """
        started = time.monotonic()
        if self._teachers:
            self._teachers.record()
        for pupil in self._pupils.values():
            pupil.record()
        number = 0
        while number < (epochs or WARMUP_EPOCHS):
            began = time.monotonic()
            for step, (x, targets) in enumerate(self._batches()):
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
            if number % TELL_EVERY == 0 or number == epochs:
                tell(f"epoch {number}, {now - started:.0f} s: {self._lines()}")
        return number

    def networks(self) -> dict[str, nn.Module]:
        """Return the networks with averaged weights, ready to score, by their recipes' names."""
        return {name: pupil.average for name, pupil in self._pupils.items()}

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

    def _batches(self) -> Iterator[tuple[Tensor, Targets]]:
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
    with torch.inference_mode(), _in_bf16(crops.device):
        for start in range(0, len(crops), PART):
            part = crops[start : start + PART]
            looks = [part, part.flip(3)][:views]
            answers = [network(look) for network in networks for look in looks]
            parts.append({name: torch.stack([answer[name] for answer in answers]).mean(0) for name in answers[0]})
    return {name: torch.cat([part[name] for part in parts]).float().cpu() for name in parts[0]}


class _Recorded:
    """Something that is done again and again with the same tensors: replayed on a GPU, called elsewhere.

    Each has a stream of its own, so that several run at the same time, and share no workspace of a library.

    Args:
        work: reads and writes the same tensors at every call, and nothing of it waits for the device.
        device: where.
    """

    def __init__(self, work: Callable[[], None], device: torch.device) -> None:
        self._work = work
        if device.type != "cuda":
            return
        self._stream, self._graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()  # type: ignore[no-untyped-call]
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            for _ in range(WARMUP_STEPS):
                work()
        torch.cuda.synchronize()
        with torch.cuda.graph(self._graph, stream=self._stream):
            work()

    def start(self) -> None:
        """Do it after what has been asked for so far."""
        if not hasattr(self, "_graph"):
            self._work()
            return
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            self._graph.replay()

    def wait(self) -> None:
        """Let what is asked for from now on come after it."""
        if hasattr(self, "_graph"):
            torch.cuda.current_stream().wait_stream(self._stream)


class _Teachers:
    """Trained networks, and what they say to the batch.

    Attributes:
        answers: for each head (n, labels) float32, the mean of their probabilities; written by `work`.
        work: to answer to the batch.
    """

    def __init__(self, networks: Sequence[nn.Module], recipe: Recipe, x: Tensor) -> None:
        self._networks, self._x = networks, x
        self._taught = recipe.teacher.heads or tuple(recipe.heads)
        self._single = {name: head.task == "single" for name, head in recipe.heads.items()}
        self.answers = {name: values.float().clone() for name, values in self._asked().items()}

    def record(self) -> None:
        """Get ready to answer."""
        self.work = _Recorded(self._ask, self._x.device)

    def _ask(self) -> None:
        for name, values in self._asked().items():
            self.answers[name].copy_(values)

    def _asked(self) -> dict[str, Tensor]:
        found: dict[str, list[Tensor]] = {name: [] for name in self._taught}
        with torch.no_grad(), _in_bf16(self._x.device):
            for network in self._networks:
                for name, logits in network(self._x).items():
                    if name in found:
                        found[name].append(logits.softmax(1) if self._single[name] else logits.sigmoid())
        return {name: torch.stack(values).mean(0) for name, values in found.items() if values}


class _Pupil:
    """A network that learns.

    Attributes:
        average: the network with the moving average of the weights, ready to score.
        work: to learn from the batch.
    """

    def __init__(
        self,
        recipe: Recipe,
        training: Samples,
        x: Tensor,
        given: Targets,
        answers: Mapping[str, Tensor],
        device: torch.device,
    ) -> None:
        self._recipe, self._x, self._given, self._answers = recipe, x, given, answers
        learnt = targets_of(training, recipe)
        balance = {name: class_balance(learnt[name], head) for name, head in recipe.heads.items()}
        self._balance = {name: None if value is None else value.to(device) for name, value in balance.items()}
        network = build_network(recipe)
        if recipe.start:
            start_from(network, recipe.start, training.crops)
        self._network = network.to(device).to(memory_format=torch.channels_last)
        self.average = deepcopy(self._network).eval().requires_grad_(False)
        self._rate = torch.zeros((), device=device)
        self._distance = torch.ones((), device=device)
        self._optimiser = _sgd(self._network, recipe, self._rate)

    def record(self) -> None:
        """Get ready to learn."""
        self.work = _Recorded(self._learn, self._x.device)

    def set_rate(self, step: int, total: int, steps: int) -> None:
        """Get ready for a step.

        Args:
            step: number of this one, from 0 on.
            total: of all steps, 0 where that is not known yet.
            steps: of an epoch.
        """
        settings = self._recipe.optimiser
        warmup = max(settings.warmup_epochs, WARMUP_EPOCHS) * steps
        share = min((step + 1) / warmup, 1.0)
        if step >= warmup:
            share = 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(total - warmup, 1)))
        self._rate.fill_(settings.rate * share)
        # A short memory at first, or a part of the random start would stay for long.
        self._distance.fill_(1 - min(settings.average, (1 + step) / (10 + step)))

    def check(self, epoch: int) -> None:
        """Make sure that the weights are numbers after an epoch, counted from 1.

        Raises:
            TrainingError: they are none.
        """
        if not all(torch.isfinite(value).all() for value in _numbers(self._network)):
            raise TrainingError(
                f"{self._recipe.name}: weights are no numbers any more in epoch {epoch}; lower optimiser.rate, and "
                "start anew"
            )

    def _learn(self) -> None:
        self._optimiser.zero_grad(set_to_none=True)
        with _in_bf16(self._x.device):
            logits = self._network(self._x)
        losses = [
            head.weight * head_loss(logits[name], self._target(name), head, self._balance[name])
            for name, head in self._recipe.heads.items()
        ]
        torch.autograd.backward(torch.stack(losses).sum())
        self._optimiser.step()
        with torch.no_grad():
            _approach(_numbers(self.average), _numbers(self._network), self._distance)

    def _target(self, name: str) -> Target:
        given = self._given[name]
        if name not in self._answers:
            return given
        share, count = self._recipe.teacher.share, len(self._answers[name])
        taught = (1 - share) * given.values[:count] + share * self._answers[name]
        return Target(torch.cat([taught, given.values[count:]]), given.known)


def _in_bf16(device: torch.device) -> torch.autocast:
    # No cache of cast weights: it would be recorded once and never cast again.
    return torch.autocast(device.type, torch.bfloat16, cache_enabled=False)


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
        if recipe.labels() != recipes[0].labels():
            raise RecipeError(
                f"{recipe.name}: has other heads or labels than {recipes[0].name}; networks that learn together need "
                "the same"
            )


def _sgd(network: nn.Module, recipe: Recipe, rate: Tensor) -> torch.optim.SGD:
    settings = recipe.optimiser
    groups = parameter_groups(network, settings)
    return torch.optim.SGD(groups, lr=rate, momentum=settings.momentum, nesterov=settings.momentum > 0, fused=True)


def _numbers(network: nn.Module) -> list[Tensor]:
    """Weights and statistics of a network, not what counts batches."""
    return [value for value in network.state_dict().values() if value.is_floating_point()]


def _approach(averages: list[Tensor], values: list[Tensor], distance: Tensor) -> None:
    """Move averages towards values by a share of the way."""
    ways = torch._foreach_sub(values, averages)
    torch._foreach_mul_(ways, distance)
    torch._foreach_add_(averages, ways)
