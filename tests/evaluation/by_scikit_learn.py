"""Every metric once more, by scikit-learn where it has it: what the weighted sums of src are compared with."""

import numpy as np
from scipy.stats import rankdata
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    cohen_kappa_score,
    f1_score,
    label_ranking_loss,
    precision_recall_fscore_support,
    precision_score,
    recall_score,
    roc_auc_score,
)

from mien.evaluation.against_votes import compare_with_votes
from mien.evaluation.calibration import brier_rows, likelihood_rows, reliability
from mien.evaluation.multilabel import said
from mien.evaluation.selective import risk_coverage


def metrics_by_scikit_learn(predictions):
    """Return all metrics by name, in the order in which files hold them."""
    if predictions.task == "single":
        return single_metrics(predictions)
    found = multilabel_metrics(predictions) if predictions.task == "multi" else gate_metrics(predictions)
    return found | {
        "nll": float(likelihood_rows(predictions).mean()),
        "brier": float(brier_rows(predictions).mean()),
        "ece": reliability(predictions.scores, predictions.targets).error,
    }


def single_metrics(predictions):
    targets, scores, labels = predictions.targets, predictions.scores, predictions.labels
    guesses = scores.argmax(axis=1)
    present = np.unique(targets)
    over_present = {"labels": present, "average": "macro", "zero_division": 0}
    found = {
        "accuracy": float(accuracy_score(targets, guesses)),
        "balanced_accuracy": float(recall_score(targets, guesses, **over_present)),
        "macro_f1": float(f1_score(targets, guesses, **over_present)),
        **top_accuracy(predictions, 3),
        "nll": float(likelihood_rows(predictions).mean()),
        "ece": reliability(scores, targets).error,
        **top_accuracy(predictions, 2),
    }
    for average in ("macro", "weighted"):
        values = precision_recall_fscore_support(targets, guesses, labels=present, average=average, zero_division=0)
        for name, value in zip(("precision", "recall", "f1"), values, strict=False):
            found[f"{average}_{name}"] = float(value)
    curve = risk_coverage(predictions)
    found |= {
        "kappa": float(cohen_kappa_score(targets, guesses) if len(present) > 1 else 0.0),
        "brier": float(brier_rows(predictions).mean()),
        "classwise_ece": classwise_error(predictions),
        "risk_coverage_area": float(np.diff(curve.coverage, prepend=0) @ curve.risk),
        "accuracy_of_surest_80": float(1 - curve.risk[np.argmax(curve.coverage >= 0.8 - 1e-12)]),
    }
    by_class = precision_recall_fscore_support(targets, guesses, labels=present, average=None, zero_division=0)
    for name, values in zip(("precision", "recall", "f1"), by_class, strict=False):
        found |= {f"{name}/{labels[code]}": float(value) for code, value in zip(present, values, strict=True)}
    if len(present) > 1:
        for name, score in (("roc_auc", roc_auc_score), ("average_precision", average_precision_score)):
            each = {labels[code]: float(score(targets == code, scores[:, code])) for code in present}
            found[name] = float(np.mean(list(each.values())))
            found |= {f"{name}/{label}": value for label, value in each.items()}
    return found | vote_metrics(predictions)


def top_accuracy(predictions, count):
    """Of equally probable labels the first ones count; scikit-learn's `top_k_accuracy_score` takes the last ones."""
    if len(predictions.labels) <= count:  # it is 1 whatever is said
        return {}
    first = np.argsort(-predictions.scores, axis=1, kind="stable")[:, :count]
    return {f"top{count}_accuracy": float((first == predictions.targets[:, None]).any(axis=1).mean())}


def classwise_error(predictions):
    errors = [
        reliability(predictions.scores[:, [code]], predictions.targets[:, None] == code).error
        for code in range(len(predictions.labels))
    ]
    return float(np.mean(errors))


def vote_metrics(predictions):
    found = compare_with_votes(predictions)
    if found is None:
        return {}
    ranks = [rankdata(values) for values in (found.predicted_entropy, found.annotators_entropy)]
    varied = all(np.ptp(each) > 0 for each in ranks)
    return {
        "vote_cross_entropy": float(found.cross_entropy.mean()),
        "vote_divergence": float(found.divergence.mean()),
        "entropy_correlation": float(np.corrcoef(*ranks)[0, 1]) if varied else 0.0,
        "annotator_accuracy": float(found.agreement.mean()),
        "human_accuracy": float(found.human_agreement.mean()),
    }


def multilabel_metrics(predictions):
    targets, scores, labels = predictions.targets, predictions.scores, predictions.labels
    occurs = [n for n in range(len(labels)) if targets[:, n].any()]
    precisions = {labels[n]: float(average_precision_score(targets[:, n], scores[:, n])) for n in occurs}
    found = {
        "map": float(np.mean(list(precisions.values()))) if precisions else 0.0,
        "ranking_loss": float(label_ranking_loss(targets, scores)) if len(labels) > 1 else 0.0,
        "cardinality": float(targets.sum(axis=1).mean()),
    }
    found |= at_thresholds(targets, said(predictions, tuned=False), labels, occurs, "")
    if predictions.thresholds is not None:
        found |= at_thresholds(targets, said(predictions, tuned=True), labels, occurs, "tuned_")
    return found | {f"ap/{label}": value for label, value in precisions.items()}


def at_thresholds(targets, answers, labels, occurs, prefix):
    wrong = float((targets != answers).mean())
    if len(labels) == 1:  # scikit-learn takes a lone column for two classes; beside an empty one it is a label
        targets, answers = (np.pad(column, ((0, 0), (0, 1))) for column in (targets, answers))
    per_label = {"average": None, "zero_division": 0.0}
    by_label = {
        "precision": precision_score(targets, answers, **per_label),
        "recall": recall_score(targets, answers, **per_label),
        "f1": f1_score(targets, answers, **per_label),
    }
    found = {
        "hamming_loss": wrong,
        "subset_accuracy": accuracy_score(targets, answers),
        "micro_f1": f1_score(targets, answers, average="micro", zero_division=0.0),
        "macro_f1": np.mean(by_label["f1"][occurs]) if occurs else 0.0,
        "sample_f1": f1_score(targets, answers, average="samples", zero_division=1.0),
        "said_cardinality": answers.sum(axis=1).mean(),
    }
    for name, values in by_label.items():
        found |= {f"{name}/{labels[n]}": values[n] for n in occurs}
    return {prefix + name: float(value) for name, value in found.items()}


def gate_metrics(predictions):
    targets, scores = predictions.targets[:, 0], predictions.scores[:, 0]
    answers = said(predictions, tuned=True)[:, 0]
    found = {
        "accuracy": accuracy_score(targets, answers),
        "balanced_accuracy": recall_score(
            targets, answers, labels=np.unique(targets), average="macro", zero_division=0.0
        ),
        "precision": precision_score(targets, answers, zero_division=0.0),
        "recall": recall_score(targets, answers, zero_division=0.0),
        "f1": f1_score(targets, answers, zero_division=0.0),
    }
    if 0 < targets.sum() < len(targets):
        found |= {
            "roc_auc": roc_auc_score(targets, scores),
            "average_precision": average_precision_score(targets, scores),
        }
    return {name: float(value) for name, value in found.items()}
