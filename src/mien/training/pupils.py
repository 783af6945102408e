"""Networks that answer to batches or learn from them: steps with the same tensors, recorded once on a GPU."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from mien.data.samples import Samples
from mien.errors import TrainingError
from mien.training.losses import class_balance, head_loss
from mien.training.networks.building import build_network
from mien.training.optimisers import kept_share, parameter_groups, rate_share
from mien.training.recipe import Recipe
from mien.training.starting import start_from
from mien.training.targets import Target, Targets, targets_of

WARMUP_STEPS = 3
"""Steps at a rate of 0 before recording: in them libraries choose their algorithms and optimisers make their state."""

WARMUP_EPOCHS = 2
"""At least so many epochs of rising rate: the second one tells how many more there is time for."""


class Recorded:
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


class Teachers:
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
        self.work = Recorded(self._ask, self._x.device)

    def _ask(self) -> None:
        for name, values in self._asked().items():
            self.answers[name].copy_(values)

    def _asked(self) -> dict[str, Tensor]:
        found: dict[str, list[Tensor]] = {name: [] for name in self._taught}
        with torch.no_grad(), in_bf16(self._x.device):
            for network in self._networks:
                for name, logits in network(self._x).items():
                    if name in found:
                        found[name].append(logits.softmax(1) if self._single[name] else logits.sigmoid())
        return {name: torch.stack(values).mean(0) for name, values in found.items() if values}


class Pupil:
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
            start_from(network, recipe.start, training.crops, labels=recipe.labels())
        self._network = network.to(device).to(memory_format=torch.channels_last)
        self.average = deepcopy(self._network).eval().requires_grad_(False)
        self._rate = torch.zeros((), device=device)
        self._distance = torch.ones((), device=device)
        self._optimiser = _sgd(self._network, recipe, self._rate)

    def record(self) -> None:
        """Get ready to learn."""
        self.work = Recorded(self._learn, self._x.device)

    def set_rate(self, step: int, total: int, steps: int) -> None:
        """Get ready for a step.

        Args:
            step: number of this one, from 0 on.
            total: of all steps, 0 where that is not known yet.
            steps: of an epoch.
        """
        settings = self._recipe.optimiser
        warmup = max(settings.warmup_epochs, WARMUP_EPOCHS) * steps
        share = rate_share(step, warmup=warmup, total=total)
        self._rate.fill_(settings.rate * share)
        self._distance.fill_(1 - kept_share(settings.average, step))

    def state(self) -> dict[str, Tensor]:
        """Return all that learning changes, by name."""
        return self._weights() | {f"momentum.{number}": value for number, value in enumerate(self._momenta())}

    def go_on(self, state: Mapping[str, Tensor]) -> None:
        """Take over a state, in the tensors that are there, for those are recorded."""
        for name, value in self._weights().items():
            value.copy_(state[name])
        for number, value in enumerate(self._momenta()):
            value.copy_(state[f"momentum.{number}"])

    def _weights(self) -> dict[str, Tensor]:
        networks = {"network": self._network, "average": self.average}
        return {f"{key}.{name}": value for key, each in networks.items() for name, value in each.state_dict().items()}

    def _momenta(self) -> list[Tensor]:
        parameters = [parameter for group in self._optimiser.param_groups for parameter in group["params"]]
        for parameter in parameters:
            # As it is before the first step; the optimiser takes what it finds.
            if self._optimiser.state[parameter].get("momentum_buffer") is None:
                self._optimiser.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        return [self._optimiser.state[parameter]["momentum_buffer"] for parameter in parameters]

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
        with in_bf16(self._x.device):
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


def in_bf16(device: torch.device) -> torch.autocast:
    """Return a context in which networks compute in bf16, with no cache of cast weights: it would be recorded once."""
    return torch.autocast(device.type, torch.bfloat16, cache_enabled=False)


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
