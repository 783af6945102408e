"""Two models on the same pictures: is one better, or was it luck?"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from mien.errors import DataError
from mien.evaluation.metrics import RESAMPLES, metrics_of
from mien.evaluation.multilabel import right_answers
from mien.evaluation.predictions import Predictions, row_by_id
from mien.evaluation.resampling import INTERVAL, draw_weights
from mien.evaluation.weighted_metrics import Statistics


@dataclass(frozen=True)
class Difference:
    """One metric of two models.

    Attributes:
        a: of the first model.
        b: of the second.
        low: 2.5th percentile of b minus a over bootstrap resamples, both models on the same drawn pictures.
        high: 97.5th percentile.
    """

    a: float
    b: float
    low: float
    high: float

    @property
    def is_shown(self) -> bool:
        """Whether the interval of the difference leaves out zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Comparison:
    """Two models on the same pictures.

    Attributes:
        a: name of the first model, with the beginning of its SHA-256 where both are called alike.
        b: name of the second.
        head: what they answered.
        truth: what counted as right.
        n: pictures.
        only_a: pictures that only the first has right; for several labels, all labels of a picture.
        only_b: pictures that only the second has right.
        p: McNemar's exact test of these two numbers being equal but for chance.
        differences: by metric, those of whole heads.
    """

    a: str
    b: str
    head: str
    truth: str
    n: int
    only_a: int
    only_b: int
    p: float
    differences: dict[str, Difference]


def compare(a: Predictions, b: Predictions, *, resamples: int = RESAMPLES, seed: int = 0) -> Comparison:
    """Compare two models picture by picture.

    McNemar 1947, exact, for right and wrong answers; for every metric the bootstrap of the difference, both models on
    the same drawn pictures.

    Args:
        a: of the first model.
        b: of the second, for the same pictures and labels in any order.
        resamples: of the bootstrap.
        seed: of the resampling.

    Raises:
        DataError: other pictures, labels or truths, or pictures whose names repeat.
    """
    b = _alike(a, b)
    right_a, right_b = right_answers(a), right_answers(b)
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    of_a, of_b = Statistics(a), Statistics(b)
    drawn: dict[str, list[NDArray[np.float64]]] = {}
    for weights in draw_weights(len(a), resamples=resamples, seed=seed):
        one, other = of_a(weights), of_b(weights)
        for name in one:
            if name in other:
                drawn.setdefault(name, []).append(other[name] - one[name])
    whole_a, whole_b = metrics_of(a), metrics_of(b)
    differences = {}
    for name, value in whole_a.items():
        if "/" not in name and name in whole_b and name in drawn:
            low, high = np.nanquantile(np.concatenate(drawn[name]), INTERVAL)
            differences[name] = Difference(value, whole_b[name], float(low), float(high))
    p = float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
    return Comparison(*_told_apart(a, b), a.head, a.truth, len(a), only_a, only_b, p, differences)


def _told_apart(a: Predictions, b: Predictions) -> tuple[str, str]:
    """Return two names: files of one recipe, such as two seeds, are called alike."""
    if a.model != b.model:
        return a.model, b.model
    if a.sha256 and b.sha256 and a.sha256[:8] != b.sha256[:8]:
        return f"{a.model} {a.sha256[:8]}", f"{b.model} {b.sha256[:8]}"
    return f"{a.model}, the first", f"{b.model}, the second"


def _alike(a: Predictions, b: Predictions) -> Predictions:
    if a.task != b.task or set(a.labels) != set(b.labels):
        raise DataError(
            f"{a.model} answers {', '.join(a.labels)} ({a.task}), {b.model} {', '.join(b.labels)} ({b.task}); "
            "compare heads of the same labels, chosen with --head"
        )
    row_by_id(a.ids, source=f"predictions of {a.model}")
    place = row_by_id(b.ids, source=f"predictions of {b.model}")
    missing = [name for name in a.ids.tolist() if name not in place]
    if missing or len(a) != len(b):
        raise DataError(
            f"{a.model} has {len(a)} pictures and {b.model} {len(b)}, not the same ones"
            f"{f' ({missing[0]} is one)' if missing else ''}; score both on the same split"
        )
    rows = np.array([place[name] for name in a.ids.tolist()])
    columns = [b.labels.index(label) for label in a.labels]
    targets = np.argsort(columns)[b.targets[rows]] if b.task == "single" else b.targets[rows][:, columns]
    if not np.array_equal(targets, a.targets):
        raise DataError(f"{a.model} and {b.model} were scored against other truths; use the same --truth for both")
    thresholds = None if b.thresholds is None else tuple(b.thresholds[column] for column in columns)
    return replace(
        b.take(rows), scores=b.scores[rows][:, columns], labels=a.labels, targets=targets, thresholds=thresholds
    )
