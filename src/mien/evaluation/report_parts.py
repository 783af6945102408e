"""The parts of the report, each from one kind of finding."""

from collections.abc import Collection, Sequence
from html import escape

from matplotlib.figure import Figure

from mien.data.encoding import encode_png
from mien.evaluation import plots
from mien.evaluation.audit import FEWEST, GroupRow
from mien.evaluation.calibration import reliability, uncalibrated
from mien.evaluation.consistency import consistency
from mien.evaluation.exhibits import Exhibit
from mien.evaluation.groups import REPEATED
from mien.evaluation.metrics import Estimate, confusion
from mien.evaluation.predictions import Predictions
from mien.evaluation.robustness import DetectorError, RobustnessRow
from mien.evaluation.selective import SUREST, risk_coverage, stated_and_found
from mien.evaluation.summary import Scored, before_temperature
from mien.evaluation.wording import by_label, interval, meaning, number, plain_name, with_interval
from mien.explain import shown_crop
from mien.pages import data_url, table_html


def head_part(row: Scored, *, fitted_on: Collection[str] = ()) -> str:
    """Return the part on one head: what it confuses, whether its probabilities can be trusted, all figures.

    Args:
        row: the head against one truth.
        fitted_on: splits on which the model's temperatures and thresholds were chosen, where that is known.
    """
    made = row.predictions
    parts = [
        f"<p>This set of answers (head) knows {escape(', '.join(made.labels))}. {len(made):,} pictures, right answer: "
        f"{escape(made.truth)}.</p>"
    ]
    figures = figures_of(row)
    if "confusion" in figures:
        parts.append("<h3>Which emotions it confuses</h3>")
        parts.append(
            "<p>Each line holds the pictures of one emotion; the columns say what the model called them. The diagonal "
            "is right.</p>" + _image(figures["confusion"], "confusion matrix")
        )
    parts.append(_label_table(row))
    trust = [(name, figures[name]) for name in ("reliability", "risk_coverage") if name in figures]
    parts.append("<h3>Can its probabilities be trusted?</h3>" + _trust(row, fitted_on))
    parts.append(f'<div class="plots">{"".join(_image(figure, name) for name, figure in trust)}</div>')
    parts.append("<h3>All figures</h3>")
    lines = [
        (plain_name(name), number(name, estimate), interval(estimate, name), meaning(name))
        for name, estimate in row.metrics.items()
        if "/" not in name
    ]
    parts.append(table_html(("", "value", "95% interval", "what it is"), lines, numeric=(1, 2)))
    return "".join(parts)


def _label_table(row: Scored) -> str:
    prefix = "tuned_" if row.predictions.thresholds is not None and row.predictions.task == "multi" else ""
    names = (f"{prefix}precision", f"{prefix}recall", f"{prefix}f1", "roc_auc", "average_precision", "ap")
    columns = [name for name in names if by_label(row.metrics, name)]
    if not columns:
        return ""
    lines = [
        (
            label,
            *(_if_known(by_label(row.metrics, name).get(label), name) for name in columns),
        )
        for label in row.predictions.labels
    ]
    absent = [label for label in row.predictions.labels if label not in by_label(row.metrics, columns[0])]
    note = f"<p>No picture shows {escape(', '.join(absent))}; means leave it out.</p>" if absent else ""
    words = (
        "<p><i>Recall</i>: share of the pictures of an emotion that it finds. <i>Precision</i>: share of right ones "
        "among the pictures that it gives this answer. In brackets the 95% interval.</p>"
    )
    head = ("", *map(plain_name, columns))
    return f'{words}<div class="scroll">{table_html(head, lines, numeric=range(1, 1 + len(columns)))}</div>{note}'


def _if_known(estimate: Estimate | None, name: str) -> str:
    if estimate is None:
        return "none here"
    if estimate.low < estimate.high:
        return with_interval(estimate, name)
    # All or none of a few pictures: every resample gives the same, which is no certainty.
    return f"{number(name, estimate)} (too few for an interval)"


def _has_temperature(made: Predictions) -> bool:
    """Return whether a temperature is known, so that there is a before and an after."""
    return made.temperature != 1 or made.entropy_power != 0


def _trust(row: Scored, fitted_on: Collection[str]) -> str:
    made = row.predictions
    fitted = f"validation pictures ({escape(', '.join(fitted_on))})" if fitted_on else "validation pictures"
    same = " Here they may be the very same pictures: then what follows flatters." if made.split in fitted_on else ""
    before = before_temperature(made)
    lines = [
        (plain_name(name), f"{before[name]:.3f}", f"{row.metrics[name].value:.3f}", meaning(name)) for name in before
    ]
    by_entropy = f", less where it is sure: entropy to the power {made.entropy_power:.2f}" if made.entropy_power else ""
    words = "<p>If it says 70%, seven of ten such answers should be right. "
    if _has_temperature(made):
        words += (
            "The network alone is not so honest: its scores are divided by a temperature "
            f"({made.temperature:.3f}{by_entropy}), fitted on {fitted}.{same}</p>"
        )
        table = table_html(("", "before", "after", "what it is"), lines, numeric=(1, 2))
    else:
        words += "No temperature is known for these probabilities; they are judged as they are.</p>"
        shown = [(name, value, what) for name, _, value, what in lines]
        table = table_html(("", "value", "what it is"), shown, numeric=(1,))
    if made.unsure_below is None or made.task != "single":
        return words + table
    found = stated_and_found(made)
    return (
        words
        + table
        + f"<p>Answers less probable than {found['below']:.1%} are called <b>unsure</b>. The threshold was chosen on "
        f"{fitted} so that at most {found['stated_error']:.0%} of the remaining answers are wrong. Here "
        f"{found['unsure']:.1%} are unsure, <b>{found['error']:.1%}</b> of the remaining ones are wrong, and "
        f"{found['error_of_unsure']:.0%} of the unsure ones would have been. On the {SUREST:.0%} of pictures that it "
        f"is surest of, <b>{row.metrics['accuracy_of_surest_80'].value:.1%}</b> of the answers are right "
        f"({interval(row.metrics['accuracy_of_surest_80'])}).</p>"
    )


def figures_of(row: Scored) -> dict[str, Figure]:
    """Return the plots of one head, by name."""
    made = row.predictions
    figures = {}
    if made.task == "single":
        figures["confusion"] = plots.confusion_figure(confusion(made), made.labels)
    curves = {"as given": reliability(made.scores, made.targets)}
    if _has_temperature(made):
        curves = {"before": reliability(uncalibrated(made), made.targets), "after": curves["as given"]}
    figures["reliability"] = plots.reliability_figure(
        curves, by_chance=consistency(made), title="how sure, and how often right"
    )
    if made.task == "single":
        curve = risk_coverage(made)
        figures["risk_coverage"] = plots.risk_coverage_figure(curve, below=made.unsure_below, stated=made.unsure_error)
    return figures


def audit_part(rows: Sequence[GroupRow]) -> str:
    """Return the part on groups; empty without rows."""
    if not rows:
        return ""
    lines = [
        (
            row.column,
            row.group or "(none)",
            row.n,
            with_interval(Estimate(row.accuracy, row.low, row.high)),
            f"{100 * row.gap:+.1f}",
            f"{100 * row.detectable:.1f}",
            "" if row.p is None else f"{row.p:.3f}" if row.p >= 0.001 else "<0.001",
            row.verdict,
        )
        for row in rows
    ]
    head = (
        "by",
        "group",
        "pictures",
        "right (95%)",
        "gap to others",
        "gap that would show",
        "p",
        "verdict",
    )
    quality = (
        "Brightness, contrast and sharpness are measured on the picture and cut into three equal parts. "
        if any(row.column == "sharpness" for row in rows)
        else ""
    )
    repeated = (
        f"<i>{REPEATED}</i>: has training a duplicate of the picture. "
        if any(row.column == REPEATED for row in rows)
        else ""
    )
    return (
        f"<p>Each group against all other pictures: Fisher's exact test, corrected for the number of groups (Benjamini "
        f"and Hochberg). A difference is claimed below p = 0.05 and from {FEWEST} pictures on; <i>gap that would "
        "show</i> is the smallest one, in points, that a sample of this size shows four times out of five: smaller "
        f"ones may be there. A gap says nothing of its cause. {quality}{repeated}</p>"
        f'<div class="scroll">{table_html(head, lines, numeric=(3, 4, 5, 6))}</div>'
    )


def robustness_part(rows: Sequence[RobustnessRow], detector: DetectorError | None) -> str:
    """Return the part on pictures that were made worse; empty where that was not measured."""
    if not rows:
        return ""
    clean, *worse = rows
    kinds = list(dict.fromkeys(row.kind for row in worse))
    lines = []
    for kind in kinds:
        chosen = [row for row in worse if row.kind == kind]
        cells = [f"{row.accuracy:.1%} (at {row.strength:g})" for row in chosen]
        lines.append((f"{kind} ({chosen[0].unit})", *cells))
    words = (
        f"<p>The same {clean.n:,} pictures, drawn at random, made worse at five strengths. As they are, "
        f"{clean.accuracy:.1%} of the answers are right (dashed). Shaded: 95% interval.</p>"
    )
    table = table_html(("what was done", "1", "2", "3", "4", "5"), lines, numeric=(1, 2, 3, 4, 5))
    image = _image(plots.robustness_figure(rows), "accuracy by strength")
    told = ""
    if detector is not None:
        told = (
            f"<p>The detector <i>{escape(detector.detector)}</i> finds a face in {detector.found:.1%} of these "
            f"pictures (enlarged, edges repeated). Its crops differ from the data's by {detector.shift[0]:.1%} of the "
            f"side across, {detector.shift[1]:.1%} down and {detector.scale:.1%} in size (standard deviations). On its "
            f"own crops {detector.accuracy_detected:.1%} of the answers are right, on the data's crops of the same "
            f"pictures {detector.accuracy_found:.1%}. <i>Box moved</i> moves every box at random by "
            "multiples of that error.</p>"
        )
    return f'{words}{image}{told}<div class="scroll">{table}</div>'


def faces_part(shown: Sequence[Exhibit], words: str, explained_by: str) -> str:
    """Return a contact sheet with captions; empty without pictures."""
    if not shown:
        return ""
    figures = []
    for each in shown:
        plain, heat = (
            data_url(encode_png(picture), "image/png")
            for picture in (shown_crop(each.crop), shown_crop(each.crop, each.heat))
        )
        (label, value), (second, other) = each.ranked[:2]
        figures.append(
            f'<figure><img alt="face" src="{plain}"> <img alt="what carried the answer" src="{heat}"><figcaption>said '
            f"<b>{escape(label)}</b> {value:.0%}, then {escape(second)} {other:.0%}"
            f"<br>right: <b>{escape(each.right)}</b>"
            f'<br><span class="note">{escape(each.name)}</span></figcaption></figure>'
        )
    return (
        f"<p>{words} The second picture of each shows what carried the answer: {explained_by}. Labels are annotators' "
        "and can be wrong too.</p>"
        f'<div class="faces">{"".join(figures)}</div>'
    )


def _image(figure: Figure, words: str) -> str:
    return f'<img class="plot" alt="{escape(words)}" src="{plots.svg_url(figure)}">'
