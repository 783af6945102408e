"""The part of a recipe that says what is learnt, and from whom beside the labels."""

from typing import Literal

from pydantic import Field, model_validator

from mien.labels import LABEL_SETS
from mien.training.model_recipe import Rate, Section, Share


class HeadRecipe(Section):
    """One thing that the network answers.

    Attributes:
        task: one label (``single``, softmax), any number (``multi``, sigmoid), or face against other things (``gate``).
        target: the data's ``label``, FER+'s ``votes``, or ``present``: all labels that a multi-label table names. Votes
            are soft targets of a single-label head; a multi-label head takes the emotions that at least 3 of 10 name.
        labels: a label set's name, or the labels themselves in order; where empty, the head's own name.
        weight: of this head's loss in the sum.
        loss: ``cross-entropy`` (binary for several labels), or ``focal`` (Lin et al. 2017, arXiv:1708.02002).
        focal_gamma: how much the focal loss cares less for what is right already.
        smoothing: label smoothing of single labels.
        class_weights: ``balanced`` weighs classes (positives, for several labels) by the inverse of how often they are
            in the table's training split. That is before ``data.shares``, which may draw them more or less often.
        prior_power: the probabilities of a single-label head are divided by the frequencies of the labels to this power
            and renormalised (logit adjustment, Menon et al. 2021, arXiv:2007.07314), when the run is exported: rare
            labels are found more often. 0 leaves them, 1 answers as if all labels were as frequent.
        threshold: from which probability, 0 to 1, a label of several or a face is given; ``tuned`` finds the best one
            of each label on validation. A head of one label has none.
    """

    task: Literal["single", "multi", "gate"] = "single"
    target: Literal["label", "votes", "present"] = "label"
    labels: str | tuple[str, ...] = ""
    weight: float = Field(default=1.0, gt=0)
    loss: Literal["cross-entropy", "focal"] = "cross-entropy"
    focal_gamma: float = Field(default=2.0, ge=0)
    smoothing: Rate = 0.0
    class_weights: Literal["none", "balanced"] = "none"
    prior_power: Share = 0.0
    threshold: Share | Literal["tuned"] = "tuned"

    @model_validator(mode="after")
    def _consistent(self) -> "HeadRecipe":
        allowed = {"single": ("label", "votes"), "multi": ("votes", "present"), "gate": ("label",)}[self.task]
        if self.target not in allowed:
            raise ValueError(f"a {self.task} head learns from {' or '.join(allowed)}, not from {self.target}")
        if self.prior_power and self.task != "single":
            raise ValueError(f"prior_power is for heads of one label; a {self.task} head has thresholds")
        if self.threshold != "tuned" and self.task == "single":
            raise ValueError(
                "threshold is for heads of several labels and gates; one of one label answers the likeliest"
            )
        fewest = 2 if self.task == "single" else 1
        if isinstance(self.labels, tuple) and len(self.labels) < fewest:
            raise ValueError(
                f"labels has {len(self.labels) or 'none'}; a {self.task} head tells {fewest} or more apart"
            )
        if isinstance(self.labels, tuple) and len(set(self.labels)) < len(self.labels):
            twice = next(label for label in self.labels if self.labels.count(label) > 1)
            raise ValueError(f"labels has {twice!r} twice; name each label once")
        return self

    @property
    def as_likely_as_seen(self) -> bool:
        """Whether export shifts the logits until each label is as likely as on validation.

        For heads that learn something else than what they are asked for: shares of votes and not the label that has
        most, or labels softened by mixup and teachers; both say too little of what is rare. See
        docs/decisions/0204-as-likely-as-seen.md.
        """
        return self.task == "multi" or (self.task == "single" and self.target == "votes")

    def names(self, head: str) -> tuple[str, ...]:
        """Return the head's labels in the order of its logits; a gate has one logit, for face."""
        if self.task == "gate":
            return ("face",)
        if isinstance(self.labels, tuple):
            return self.labels
        return LABEL_SETS[self.labels or head].labels


class Teacher(Section):
    """Trained models whose answers are learnt beside the labels (Hinton, Vinyals, Dean 2015, arXiv:1503.02531).

    Attributes:
        models: names of `mien models list`, or weight files; a head learns from those that have it too. Their
            calibrated probabilities are averaged.
        heads: which of the recipe's heads they teach, such as ``["fer7"]``; empty for all that they have too.
        share: of the models' answer in what is learnt; the label or votes have the rest. Pictures without them have no
            answer of the models either.
        views: at how many views of each picture the models look: 1, 2 (with the mirror image) or 10 (the centre and
            four corners too, each enlarged).
        each_batch: the models look at every batch as it is, changed and blended, in place of once at the pictures as
            they are (Beyer et al. 2022, arXiv:2106.05237). It takes their time in every epoch.
        temperature: the models' answers are softened by it.
    """

    models: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    share: Share = 0.5
    views: Literal[1, 2, 10] = 2
    each_batch: bool = False
    temperature: float = Field(default=1.0, gt=0)
