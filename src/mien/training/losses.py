"""What is minimised for each head, and what is reported of it while training."""

import torch
from torch import Tensor
from torch.nn import functional

from mien.training.head_recipe import HeadRecipe
from mien.training.targets import Target

LEAST_WRONG = 1e-6
"""1 - p is no less in the focal loss."""


def head_loss(logits: Tensor, target: Target, head: HeadRecipe, balance: Tensor | None) -> Tensor:
    """Return the mean loss of one head over the pictures whose answer is known.

    One label: cross-entropy of the softmax against a distribution. Several labels or a gate: the mean over the labels
    of the binary cross-entropy of each sigmoid. Focal: each term times (1 - p) to the power gamma, where p is the
    probability of what is right (Lin et al. 2017, arXiv:1708.02002).

    Args:
        logits: (n, labels) float32.
        target: the right answers.
        head: which loss.
        balance: (labels,) weights of the classes, or of the positives of each label; None weighs all alike.

    Returns:
        A scalar; 0 where no answer is known.
    """
    if head.task == "single":
        count = logits.shape[1]
        right = target.values * (1 - head.smoothing) + head.smoothing / count
        log_p = functional.log_softmax(logits, dim=1)
        terms = -right * log_p
        if head.loss == "focal":
            terms = terms * _power(1 - log_p.exp(), head.focal_gamma)
        if balance is not None:
            terms = terms * balance
        each = terms.sum(1)
    else:
        terms = functional.binary_cross_entropy_with_logits(logits, target.values, reduction="none", pos_weight=balance)
        if head.loss == "focal":
            p = torch.sigmoid(logits)
            wrong = target.values * (1 - p) + (1 - target.values) * p
            terms = terms * _power(wrong, head.focal_gamma)
        each = terms.mean(1)
    return (each * target.known).sum() / target.known.sum().clamp(min=1)


def _power(wrong: Tensor, gamma: float) -> Tensor:
    # At 0, where p is 1 in float32, the slope of a power below 1 is infinite, and the gradient would be no number.
    return wrong.clamp(min=LEAST_WRONG) ** gamma


def class_balance(target: Target, head: HeadRecipe) -> Tensor | None:
    """Return the weights of a head's classes by the inverse of how often they are, None where all weigh alike.

    For one label the weights average 1 over the pictures; for several, a label's positives weigh as much in all as its
    negatives. The pictures are those of the whole training split, each once: where `data.shares` draws some labels more
    or less often, an epoch is not balanced so.

    Args:
        target: the right answers of the training split.
        head: says whether its classes are balanced.

    Returns:
        (labels,) float32, or None.
    """
    if head.class_weights == "none":
        return None
    counts, total = target.values.sum(0), target.known.sum()
    if head.task == "single":
        return total / (len(counts) * counts)
    return (total - counts) / counts


def head_score(logits: Tensor, target: Target, head: HeadRecipe) -> float:
    """Return the score that chooses the epoch, 0 to 1, over the pictures whose answer is known.

    Accuracy for one label, macro-F1 at probability 0.5 for several, balanced accuracy for a gate.
    """
    known = target.known > 0
    logits, values = logits[known], target.values[known]
    if head.task == "single":
        return float((logits.argmax(1) == values.argmax(1)).float().mean())
    guess, truth = logits > 0, values > 0.5
    hits = (guess & truth).sum(0).double()
    if head.task == "multi":
        return float((2 * hits / (guess.sum(0) + truth.sum(0)).clamp(min=1)).mean())
    recall = hits / truth.sum(0).clamp(min=1)
    rejected = (~guess & ~truth).sum(0) / (~truth).sum(0).clamp(min=1)
    return float((recall + rejected).mean() / 2)
