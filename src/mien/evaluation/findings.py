"""A whole evaluation: of a model on labelled pictures, or of a file of predictions.

findings = evaluate_model(session, asked, *read_split(asked, session))      # every figure, and the audit
findings = with_robustness(findings, session, draw_some(samples))           # with_moved_boxes, with_exhibits: likewise
findings = evaluate_predictions(read_asked(Path("other.csv"), asked), asked)
write_folder(findings, Path("report"))                                      # report.py
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from mien.data.samples import Samples, read_samples
from mien.data.table import open_table
from mien.errors import UsageError
from mien.evaluation.audit import GroupRow, audit
from mien.evaluation.exhibits import Exhibit, exhibits, most_unsure, worst_mistakes
from mien.evaluation.groups import Groups, column_groups
from mien.evaluation.metrics import RESAMPLES
from mien.evaluation.predictions import Predictions
from mien.evaluation.predictions_file import read_foreign_predictions, read_predictions
from mien.evaluation.robustness import DetectorError, RobustnessRow, measure_crops, measure_robustness
from mien.evaluation.summary import DEFAULT_SPLIT, Asked, Scored, score_model, score_predictions
from mien.explain import Maps
from mien.inference.detectors import Detector
from mien.inference.session import Session
from mien.model_card import FER2013_CROP, ModelCard
from mien.provenance import facts

RISE = "red parts spoke for it, blue ones against it (RISE: random halves covered)"
GRAD_CAM = "red parts spoke for it (Grad-CAM: the gradients of the last convolution of its checkpoint)"


@dataclass(frozen=True, eq=False)
class Findings:
    """What is known of a model, or of predictions; what a report shows.

    Attributes:
        scored: every head against every truth, the most important first.
        audit: of the first.
        robustness: of the first; empty where not measured.
        detector: whose error the crops were moved by, None where not measured.
        mistakes: of the first, worst first.
        unsure: of the first, least sure first.
        explained_by: how the pictures were explained, `RISE` or `GRAD_CAM`.
        card: of the model, None where only its predictions are known.
        command: that made the report.
        resamples: of the bootstrap.
        facts: of the machine, see `mien.provenance.facts`.
    """

    scored: Sequence[Scored]
    audit: Sequence[GroupRow] = ()
    robustness: Sequence[RobustnessRow] = ()
    detector: DetectorError | None = None
    mistakes: Sequence[Exhibit] = ()
    unsure: Sequence[Exhibit] = ()
    explained_by: str = RISE
    card: ModelCard | None = None
    command: str = ""
    resamples: int = RESAMPLES
    facts: dict[str, str] = field(default_factory=facts)

    def more(self) -> dict[str, Any]:
        """Return audit and robustness as plain types, for `mien.evaluation.summary.metrics_json`."""
        content: dict[str, Any] = {"audit": [asdict(row) | {"verdict": row.verdict} for row in self.audit]}
        if self.robustness:
            content["robustness"] = [asdict(row) for row in self.robustness]
        if self.detector is not None:
            content["detector"] = asdict(self.detector)
        return content


def evaluate_model(
    session: Session,
    asked: Asked,
    samples: Samples,
    groups: Groups,
    *,
    on_step: Callable[[int], None] = lambda done: None,
) -> Findings:
    """Score a model and compare groups of pictures.

    Args:
        session: an opened weight file.
        asked: heads, truth and resamples.
        samples: of `mien.evaluation.summary.read_split`.
        groups: likewise.
        on_step: called with the number of pictures that were just scored.

    Raises:
        MienError: see `mien.evaluation.summary.score_model`.
    """
    scored = score_model(session, asked, samples, groups, on_step=on_step)
    return Findings(scored, audit(scored[0].predictions), card=session.card, resamples=asked.resamples)


def evaluate_predictions(made: Predictions, asked: Asked) -> Findings:
    """Score predictions and compare groups of pictures: those of the columns that are asked for, or else of all.

    Raises:
        UsageError: there is no such column, or it has too many groups.
    """
    groups = audit(made, asked.columns or None)  # a wrong column is told before the long work
    return Findings(score_predictions(made, resamples=asked.resamples), groups, resamples=asked.resamples)


def with_robustness(
    findings: Findings, session: Session, samples: Samples, *, on_step: Callable[[int], None] = lambda done: None
) -> Findings:
    """Add what the first head makes of the same pictures made worse; see `measure_robustness`."""
    first = findings.scored[0].predictions
    rows = measure_robustness(session, samples, head=first.head, truth=first.truth, on_step=on_step)
    return replace(findings, robustness=rows)


def with_moved_boxes(
    findings: Findings,
    session: Session,
    samples: Samples,
    detector: Detector,
    *,
    on_step: Callable[[int], None] = lambda done: None,
) -> Findings:
    """Add what the first head makes of faces whose boxes are off as a detector's are; see `measure_crops`.

    Raises:
        DataError: the detector finds hardly any face in these pictures.
    """
    first = findings.scored[0].predictions
    error, rows = measure_crops(session, samples, detector, head=first.head, truth=first.truth, on_step=on_step)
    return replace(findings, robustness=[*findings.robustness, *rows], detector=error)


def with_exhibits(
    findings: Findings,
    samples: Samples,
    maps: Maps,
    *,
    explained_by: str = RISE,
    on_step: Callable[[int], None] = lambda done: None,
) -> Findings:
    """Add the worst mistakes and the most unsure answers of the first head, which has to be a single-label one.

    Args:
        findings: of a model.
        samples: that it was scored on.
        maps: explains answers of that head; see `mien.evaluation.exhibits.quick_rise`.
        explained_by: how, `RISE` or `GRAD_CAM`.
        on_step: called with the number of pictures that were explained.

    Raises:
        DataError: names of the samples repeat.
    """
    first = findings.scored[0].predictions
    mistakes, unsure = (
        exhibits(first, rows, samples, maps, on_step=on_step) for rows in (worst_mistakes(first), most_unsure(first))
    )
    return replace(findings, mistakes=mistakes, unsure=unsure, explained_by=explained_by)


def read_asked(path: Path, asked: Asked) -> Predictions:
    """Read predictions from a file, and what else the data beside it knows of each picture.

    Args:
        path: a .csv of any tool, or a file of `mien evaluate`.
        asked: what to evaluate; a file of `mien evaluate` needs no data.

    Raises:
        UsageError: the file is of another split, head or truth, a .csv has no data beside it, or that has no such
            column.
        DataError: see `mien.evaluation.predictions_file`, or the data is not what it should be.
    """
    if path.suffix == ".csv":
        made = _read_foreign(path, asked)
    else:
        made = read_predictions(path)
        if asked.data is not None:
            open_table(asked.data)  # that it is one is told even where nothing of it is needed
    _check_asked(path, made, asked)
    lacking = [name for name in asked.columns if name not in made.groups]
    if asked.data is None or not (lacking or path.suffix == ".csv"):
        return made
    known = column_groups(asked.data, made.ids, lacking, split=made.split)
    return replace(made, groups=known | dict(made.groups))


def _read_foreign(path: Path, asked: Asked) -> Predictions:
    if asked.data is None:
        raise UsageError(f"{path}: a .csv needs the labelled data: mien evaluate --predictions {path} DATA --split S")
    samples = read_samples(asked.data, spec=FER2013_CROP, splits=(asked.split or DEFAULT_SPLIT,))
    return read_foreign_predictions(path, samples, task=asked.task, truth=asked.truth, data=asked.data.name)


def _check_asked(path: Path, made: Predictions, asked: Asked) -> None:
    # A file of predictions is of one split, head and truth.
    for option, wanted, there in (
        ("--split", asked.split, made.split),
        ("--head", next(iter(asked.heads), None), made.head),
        ("--truth", asked.truth, made.truth),
    ):
        if wanted is not None and wanted != there:
            raise UsageError(
                f"{option} {wanted}: {path} is of {there}; leave {option} out, or give the model itself and the data"
            )
