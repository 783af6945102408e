"""How figures are worded for people who have never seen them: which ones lead, their names, values and intervals."""

from html import escape
from typing import TYPE_CHECKING

from mien.pages import Html

if TYPE_CHECKING:  # `mien models show` words a card's figures without what measuring needs
    from mien.evaluation.metrics import Estimate

MEANINGS = {
    "accuracy": "share of pictures whose most probable answer is the right one",
    "balanced_accuracy": "the same, averaged over the emotions, so that frequent ones do not decide",
    "macro_f1": "mean over the emotions of F1, which weighs false alarms and misses alike",
    "macro_precision": "share of right ones among the pictures given an answer, mean over the emotions",
    "macro_recall": "share of the pictures of an emotion that it finds, mean over the emotions",
    "weighted_precision": "precision, each emotion weighted by its number of pictures",
    "weighted_recall": "recall, each emotion weighted by its number of pictures: the accuracy",
    "weighted_f1": "F1, each emotion weighted by its number of pictures",
    "top2_accuracy": "the right answer is among the two most probable",
    "top3_accuracy": "the right answer is among the three most probable",
    "kappa": "agreement beyond chance (Cohen); 0 is guessing, 1 is perfect",
    "roc_auc": "chance that a picture of an emotion gets a higher probability for it than another picture",
    "average_precision": "area under the precision-recall curve, mean over the emotions",
    "nll": "surprise at the right answer, in nats; smaller is better",
    "brier": "squared distance of the probabilities from the truth; smaller is better",
    "ece": "how far probabilities are from the share of right answers (15 bins); 0 is perfect",
    "ece_if_calibrated": "what perfect probabilities would show on as many pictures, by chance alone, and where 95% of "
    "such models lie; an ECE of up to there tells no fault",
    "classwise_ece": "the ECE for the probability of each emotion, averaged",
    "classwise_ece_if_calibrated": "what perfect probabilities would show of that",
    "risk_coverage_area": "mean share of errors over all ways to answer only where sure; smaller is better",
    "accuracy_of_surest_80": "share of right answers on the 80% of pictures that it is surest of",
    "vote_cross_entropy": "surprise at the annotators' votes, in nats",
    "vote_divergence": "distance to the distribution of the votes (Kullback-Leibler), in nats; 0 is the same",
    "entropy_correlation": "is the model unsure where people disagree? rank correlation, 1 is perfect",
    "annotator_accuracy": "chance that one of the ten annotators gave the model's answer",
    "human_accuracy": "for comparison: chance that one annotator gave the answer of most of the others",
    "map": "mean over the labels of the average precision",
    "ranking_loss": "share of pairs of a present and an absent label in the wrong order",
    "cardinality": "labels a picture, by the truth",
    "hamming_loss": "share of wrong yes-or-no answers over all labels",
    "subset_accuracy": "share of pictures with every label right",
    "micro_f1": "F1 over all labels together",
    "sample_f1": "F1 of each picture's labels, averaged",
    "said_cardinality": "labels a picture, by the model",
    "precision": "share of right ones among the faces that it says",
    "recall": "share of the faces that it finds",
    "f1": "weighs both alike",
}
"""What a stranger is told about each metric; the tuned ones share the words."""

HEADLINES = {
    "single": ("accuracy", "balanced_accuracy", "macro_f1", "top3_accuracy", "ece"),
    "multi": ("tuned_macro_f1", "tuned_micro_f1", "tuned_sample_f1", "tuned_hamming_loss", "map"),
    "gate": ("balanced_accuracy", "accuracy"),
}
"""The metrics that tell most of a head, by task: what a card or a training shows in a few lines."""

TABLE_METRICS = {
    "single": ("accuracy", "balanced_accuracy", "macro_f1", "top3_accuracy", "nll", "ece"),
    "multi": ("tuned_macro_f1", "tuned_micro_f1", "map", "tuned_hamming_loss", "ranking_loss", "ece"),
    "gate": ("accuracy", "balanced_accuracy", "roc_auc", "precision", "recall", "ece"),
}
"""The metrics of an evaluation's table with one row a head, by task; one that no row has leaves its column out."""

BY_LABEL = {"single": ("precision", "recall", "f1"), "multi": ("tuned_f1", "ap")}
"""The metrics of a table with one row a label, by task."""

SHORT = {
    "balanced_accuracy": "balanced",
    "macro_f1": "F1",
    "top3_accuracy": "top 3",
    "roc_auc": "AUC",
    "tuned_macro_f1": "macro F1",
    "tuned_micro_f1": "micro F1",
    "tuned_hamming_loss": "Hamming",
    "ranking_loss": "ranking",
}
"""Names that leave room in a terminal of 80 columns."""

NOT_SHARES = ("nll", "brier", "kappa", "ece", "cross_entropy", "divergence", "correlation", "cardinality", "area")


def is_share(name: str) -> bool:
    """Return whether a metric is a share, to be shown in per cent."""
    return not any(part in name for part in NOT_SHARES)


def number(name: str, estimate: "Estimate") -> str:
    """Return the value as text."""
    return f"{estimate.value:.1%}" if is_share(name) else f"{estimate.value:.3f}"


def interval(estimate: "Estimate", name: str = "accuracy") -> str:
    """Return the 95% interval as text, without saying so."""
    if is_share(name):
        return f"{100 * estimate.low:.1f}-{100 * estimate.high:.1f}%"
    return f"{estimate.low:.3f}-{estimate.high:.3f}"


def with_interval(estimate: "Estimate", name: str = "accuracy") -> str:
    """Return the value as text, with its 95% interval in brackets."""
    return f"{number(name, estimate)} ({interval(estimate, name).removesuffix('%')})"


def as_in_files(value: float, low: float, high: float) -> str:
    """Return a value with its 95% interval as files hold them: a share is no per cent. For metrics by their keys."""
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def plain_name(name: str) -> str:
    """Return the name of a metric as people write it."""
    words = {
        "nll": "NLL",
        "brier": "Brier score",
        "ece": "ECE",
        "map": "mAP",
        "roc_auc": "ROC area",
        "ap": "average precision",
        "f1": "F1",
    }
    if name in words:
        return words[name]
    tuned = ", tuned thresholds" if name.startswith("tuned_") else ""
    text = name.removeprefix("tuned_").replace("_if_", ", if ").replace("_", " ")
    text = text.replace("f1", "F1").replace("ece", "ECE")
    return text.replace("top2", "top 2").replace("top3", "top 3").replace("surest 80", "surest 80%") + tuned


def short_name(name: str) -> str:
    """Return the name of a metric as the heading of a narrow column."""
    return SHORT.get(name, plain_name(name))


def meaning(name: str) -> Html:
    """Return what a metric is, small."""
    return Html(f"<small>{escape(MEANINGS.get(name.removeprefix('tuned_'), ''))}</small>")


def by_label(metrics: "dict[str, Estimate]", name: str) -> "dict[str, Estimate]":
    """Return a metric of each label, by label."""
    return {key.partition("/")[2]: each for key, each in metrics.items() if key.startswith(f"{name}/")}
