"""All metrics, of all pictures and of many bootstrap resamples at once, from the weights that the pictures have.

Weights of one give the metrics of the predictions themselves; how often each picture was drawn, those of a resample.
Most metrics are made of sums over pictures, which for all resamples is one matrix product; the others are in
`mien.evaluation.ranking`. A thousand resamples of 3,589 pictures take seconds where scikit-learn, resample by resample,
takes minutes; the tests compare the two.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mien.evaluation.against_votes import compare_with_votes
from mien.evaluation.calibration import ECE_BINS, bin_of, brier_rows, likelihood_rows
from mien.evaluation.multilabel import ranking_loss_rows, said
from mien.evaluation.predictions import Predictions
from mien.evaluation.ranking import (
    Sorted,
    Weights,
    average_precision,
    rank_correlation,
    risk_area,
    roc_area,
    surest_accuracy,
)
from mien.evaluation.selective import SUREST

Values = dict[str, NDArray[np.float64]]


class Statistics:
    """The metrics of some predictions as functions of the pictures' weights; see `mien.evaluation.metrics.metrics_of`.

    Args:
        predictions: of any task.
    """

    def __init__(self, predictions: Predictions) -> None:
        self._columns: list[NDArray[np.float64]] = []
        self._places: dict[str, slice] = {}
        self._width = 0
        self._rest: list[Callable[[Weights, Values], None]] = []
        if predictions.task == "single":
            self._prepare_single(predictions)
        elif predictions.task == "multi":
            self._prepare_multi(predictions)
        else:
            self._prepare_gate(predictions)
        self._matrix = np.concatenate(self._columns, axis=1)

    def __call__(self, weights: Weights) -> Values:
        """Return the metrics of some resamples: by name (resamples,), NaN where a resample lacks what they need."""
        sums = weights @ self._matrix
        found = {name: sums[:, place] for name, place in self._places.items()}
        values: Values = {}
        for work in self._rest:
            work(weights, found)
        for name, content in found.items():
            if content.ndim == 1:
                values[name] = content
        return values

    def of_all(self) -> dict[str, float]:
        """Return the metrics of all pictures by name, less those for which they lack something."""
        found = self(np.ones((1, len(self._matrix))))
        return {name: float(values[0]) for name, values in found.items() if not np.isnan(values[0])}

    def _sum(self, name: str, rows: NDArray[np.generic]) -> None:
        columns = rows.reshape(len(rows), -1).astype(np.float64)
        self._columns.append(columns)
        self._places[name] = slice(self._width, self._width + columns.shape[1])
        self._width += columns.shape[1]

    def _mean(self, name: str, rows: NDArray[np.generic]) -> None:
        self._sum(f"sum of {name}", rows)

        def divide(weights: Weights, found: Values) -> None:
            found[name] = found[f"sum of {name}"][:, 0] / weights.sum(axis=1)

        self._rest.append(divide)

    def _error_of_bins(self, name: str, confidence: NDArray[np.float64], hits: NDArray[np.bool_]) -> None:
        # (n, labels): every label has bins of its own rows, and the error is the mean over the labels.
        labels = confidence.shape[1]
        gaps = np.zeros((len(confidence), labels, ECE_BINS))
        rows, columns = np.indices(confidence.shape)
        gaps[rows, columns, bin_of(confidence)] = hits - confidence
        self._sum(f"gaps of {name}", gaps)

        def add(weights: Weights, found: Values) -> None:
            found[name] = np.abs(found[f"gaps of {name}"]).sum(axis=1) / (labels * weights.sum(axis=1))

        self._rest.append(add)

    def _prepare_single(self, predictions: Predictions) -> None:
        targets, scores, labels = predictions.targets, predictions.scores, predictions.labels
        size = len(labels)
        guesses = scores.argmax(axis=1)
        self._sum("cells", np.eye(size * size)[targets * size + guesses])
        self._rest.append(lambda weights, found: found.update(_from_cells(found["cells"], labels)))
        first = np.argsort(-scores, axis=1, kind="stable") == targets[:, None]
        for count in (2, 3):
            if count < size:  # among all labels the right one always is
                self._mean(f"top{count}_accuracy", first[:, :count].any(axis=1))
        self._mean("nll", likelihood_rows(predictions))
        self._mean("brier", brier_rows(predictions))
        confidence, right = scores.max(axis=1), guesses == targets
        self._error_of_bins("ece", confidence[:, None], right[:, None])
        self._error_of_bins("classwise_ece", scores, targets[:, None] == np.arange(size))
        ranked = Sorted.of(confidence)

        def surest(weights: Weights, found: Values) -> None:
            found["risk_coverage_area"] = risk_area(weights, ranked, ~right)
            found["accuracy_of_surest_80"] = surest_accuracy(weights, ranked, ~right, SUREST)

        self._rest.append(surest)
        self._areas(scores, targets[:, None] == np.arange(size), labels, ("roc_auc", "average_precision"))
        self._prepare_votes(predictions)

    def _prepare_votes(self, predictions: Predictions) -> None:
        compared = compare_with_votes(predictions)
        if compared is None:
            return
        rows = compared.rows
        parts = {
            "vote_cross_entropy": compared.cross_entropy,
            "vote_divergence": compared.divergence,
            "annotator_accuracy": compared.agreement,
            "human_accuracy": compared.human_agreement,
        }
        one, other = Sorted.of(compared.predicted_entropy), Sorted.of(compared.annotators_entropy)

        def add(weights: Weights, found: Values) -> None:
            voted = weights[:, rows]
            total = voted.sum(axis=1)
            for name, values in parts.items():
                found[name] = _ratio(voted @ values, total)
            # Equal values have no correlation, which is told as 0. Of a resample without votes nothing is told.
            correlation = np.nan_to_num(rank_correlation(voted, one, other))
            found["entropy_correlation"] = np.where(total > 0, correlation, np.nan)

        self._rest.append(add)

    def _prepare_multi(self, predictions: Predictions) -> None:
        targets, labels = predictions.targets, predictions.labels
        occurs = np.flatnonzero(targets.any(axis=0)).tolist()
        self._mean("ranking_loss", ranking_loss_rows(predictions))
        self._mean("cardinality", targets.sum(axis=1))
        for prefix, tuned in (("", False), ("tuned_", True)):
            if tuned and predictions.thresholds is None:
                continue
            answers = said(predictions, tuned=tuned)
            hits, named, there = ((answers & targets), answers, targets)
            self._sum(f"{prefix}counts", np.concatenate([hits, named, there], axis=1))
            self._mean(f"{prefix}hamming_loss", (answers != targets).mean(axis=1))
            self._mean(f"{prefix}subset_accuracy", (answers == targets).all(axis=1))
            self._mean(f"{prefix}said_cardinality", answers.sum(axis=1))
            both = answers.sum(axis=1) + targets.sum(axis=1)
            self._mean(f"{prefix}sample_f1", np.where(both, 2 * hits.sum(axis=1) / np.maximum(both, 1), 1))
            self._rest.append(_counted(prefix, labels, occurs))
        self._areas(predictions.scores, targets, labels, ("ap",))
        self._rest.append(lambda weights, found: found.update({"map": found.pop("mean of ap")}))
        self._sigmoids(predictions)

    def _prepare_gate(self, predictions: Predictions) -> None:
        targets = predictions.targets[:, :1]
        answers = said(predictions, tuned=True)[:, :1]
        self._sum("counts", np.concatenate([answers & targets, answers, targets], axis=1))
        self._mean("accuracy", answers == targets)
        self._mean("negatives", ~targets)
        self._mean("rejected", ~targets & ~answers)

        def add(weights: Weights, found: Values) -> None:
            hits, named, there = found["counts"].T
            recalls = np.stack([_ratio(hits, there), _ratio(found.pop("rejected"), found.pop("negatives"))])
            found["balanced_accuracy"] = np.nanmean(recalls, axis=0)
            found["precision"], found["recall"] = _ratio(hits, named, 0), _ratio(hits, there, 0)
            found["f1"] = _ratio(2 * hits, named + there, 0)

        self._rest.append(add)
        self._areas(predictions.scores[:, :1], targets, ("",), ("roc_auc", "average_precision"))

        def rename(weights: Weights, found: Values) -> None:
            for name in ("roc_auc", "average_precision"):
                found.pop(f"{name}/", None)  # a split without faces has none

        self._rest.append(rename)
        self._sigmoids(predictions)

    def _sigmoids(self, predictions: Predictions) -> None:
        self._mean("nll", likelihood_rows(predictions))
        self._mean("brier", brier_rows(predictions))
        # Every label counts for itself, but the bins are shared: one long column.
        labels = predictions.scores.shape[1]
        gaps = np.zeros((len(predictions), ECE_BINS))
        for label in range(labels):
            confidence = predictions.scores[:, label]
            gaps[np.arange(len(gaps)), bin_of(confidence)] += predictions.targets[:, label] - confidence
        self._sum("gaps", gaps)
        self._rest.append(
            lambda weights, found: found.update(
                {"ece": np.abs(found["gaps"]).sum(axis=1) / (labels * weights.sum(axis=1))}
            )
        )

    def _areas(
        self,
        scores: NDArray[np.float64],
        positive: NDArray[np.bool_],
        labels: tuple[str, ...],
        names: tuple[str, ...],
    ) -> None:
        functions = {"roc_auc": roc_area, "average_precision": average_precision, "ap": average_precision}
        # A label that every picture has stands above no other: it has a precision, but no area.
        has_area = positive.any(axis=0) & ((names == ("ap",)) | ~positive.all(axis=0))
        occurs = np.flatnonzero(has_area).tolist()
        ranked = {n: Sorted.of(scores[:, n]) for n in occurs}

        def add(weights: Weights, found: Values) -> None:
            for name in names:
                each = {labels[n]: functions[name](weights, ranked[n], positive[:, n]) for n in occurs}
                found |= {f"{name}/{label}": values for label, values in each.items()}
                # Without a label the mean average precision is 0, and an area does not exist.
                mean, empty = ("mean of ap", 0.0) if name == "ap" else (name, np.nan)
                found[mean] = _mean_of(list(each.values()), len(weights), empty)

        self._rest.append(add)


def _from_cells(cells: NDArray[np.float64], labels: tuple[str, ...]) -> Values:
    size = len(labels)
    counts = cells.reshape(-1, size, size)
    hits = np.diagonal(counts, axis1=1, axis2=2)
    there, named = counts.sum(axis=2), counts.sum(axis=1)
    total = there.sum(axis=1)
    # NaN where a resample lacks the class: it is left out of the means, as scikit-learn is told to.
    by_class = {
        "precision": np.where(there > 0, _ratio(hits, named, 0), np.nan),
        "recall": _ratio(hits, there),
        "f1": np.where(there > 0, _ratio(2 * hits, there + named, 0), np.nan),
    }
    found: Values = {"accuracy": hits.sum(axis=1) / total}
    for name, values in by_class.items():
        found[f"macro_{name}"] = np.nanmean(values, axis=1)
        found[f"weighted_{name}"] = (np.nan_to_num(values) * there).sum(axis=1) / total
        found |= {f"{name}/{label}": values[:, n] for n, label in enumerate(labels)}
    found["balanced_accuracy"] = found["macro_recall"]
    chance = (there * named).sum(axis=1) / total**2
    found["kappa"] = _ratio(found["accuracy"] - chance, 1 - chance, 0)  # of one class that is always said
    return found


def _counted(prefix: str, labels: tuple[str, ...], occurs: list[int]) -> Callable[[Weights, Values], None]:
    def add(weights: Weights, found: Values) -> None:
        hits, named, there = np.split(found[f"{prefix}counts"], 3, axis=1)
        f1 = np.where(there > 0, _ratio(2 * hits, named + there, 0), np.nan)
        found[f"{prefix}micro_f1"] = _ratio(2 * hits.sum(axis=1), (named + there).sum(axis=1), 0)
        found[f"{prefix}macro_f1"] = _mean_of(list(f1.T), len(weights))
        by_label = {"precision": _ratio(hits, named, 0), "recall": _ratio(hits, there, 0), "f1": f1}
        for name, values in by_label.items():
            found |= {f"{prefix}{name}/{labels[n]}": values[:, n] for n in occurs}

    return add


def _mean_of(values: list[NDArray[np.float64]], count: int, empty: float = 0.0) -> NDArray[np.float64]:
    if not values:
        return np.full(count, empty)
    stacked = np.stack(values)
    return _ratio(np.nansum(stacked, axis=0), (~np.isnan(stacked)).sum(axis=0), empty)


def _ratio(over: NDArray[np.float64], under: NDArray[np.float64], empty: float = np.nan) -> NDArray[np.float64]:
    return np.asarray(np.divide(over, under, out=np.full(np.shape(over), float(empty)), where=under > 0))
