"""Several trained networks that answer as one."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class Average(nn.Module):
    """The mean of the members' probabilities, given as logits so that it is used like any other network.

    Softmax of the logarithm of probabilities gives them back, as does the sigmoid of their log-odds.

    Args:
        members: networks with the same heads.
        single: names of the heads that are softmax; the others are sigmoid.
    """

    def __init__(self, members: Sequence[nn.Module], single: Sequence[str]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.single = frozenset(single)

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """(n, channels, size, size) pixels 0 to 255 -> logits of each head, (n, labels) float32."""
        answers = [member(pixels) for member in self.members]
        return {name: self._mean(name, torch.stack([answer[name] for answer in answers])) for name in answers[0]}

    def _mean(self, name: str, logits: Tensor) -> Tensor:
        # In logarithms throughout: a probability that underflows to zero would become minus infinity.
        count = torch.log(torch.tensor(float(len(self.members))))
        if name in self.single:
            return functional.log_softmax(logits, dim=2).logsumexp(0) - count
        yes = functional.logsigmoid(logits).logsumexp(0)
        no = functional.logsigmoid(-logits).logsumexp(0)
        return yes - no
