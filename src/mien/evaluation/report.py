"""All findings on a model as one HTML file that needs nothing but itself, for readers who have never seen mien.

And as a folder that holds this file, every figure, the predictions and the plots.
"""

from collections.abc import Collection, Sequence
from html import escape
from pathlib import Path

from mien.errors import OutputError
from mien.evaluation import plots
from mien.evaluation.findings import Findings
from mien.evaluation.predictions_file import write_predictions
from mien.evaluation.report_parts import audit_part, faces_part, figures_of, head_part, robustness_part
from mien.evaluation.selective import SUREST, stated_and_found
from mien.evaluation.summary import Scored, metrics_json, write_summary
from mien.evaluation.truths import TRUTHS
from mien.evaluation.wording import MEANINGS, TABLE_METRICS, by_label, interval, number, plain_name
from mien.files import ODD, written_whole
from mien.pages import Html, page, table_html

PLOTS = ("confusion", "reliability", "risk_coverage", "robustness")
"""What `save_plots` may save, without the ending."""

STYLE = """
.tiles { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1rem 0; padding: 0; list-style: none; }
.tiles li { border: 1px solid #8886; border-radius: .5rem; padding: .6rem .9rem; width: 12.5rem; }
.tiles b { display: block; font-size: 1.6rem; line-height: 1.2; }
.tiles small, .note { color: #6b7280; }
.plots { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; }
.plots img, img.plot { max-width: 100%; background: white; border-radius: .4rem; }
.faces { display: flex; flex-wrap: wrap; gap: .8rem; }
.faces figure { margin: 0; width: 174px; font-size: .8rem; line-height: 1.35; }
.faces img { width: 82px; height: 82px; image-rendering: pixelated; }
nav a { margin-right: .9rem; } section { margin-top: 2.4rem; } table { margin: .6rem 0; }
.scroll { overflow-x: auto; } .scroll td, td.n { white-space: nowrap; }
.scroll td:first-child { white-space: normal; } th { vertical-align: bottom; }
code { overflow-wrap: anywhere; }
"""


def write_report(findings: Findings, path: Path) -> None:
    """Write the report.

    Raises:
        OutputError: the file cannot be written.
    """
    first = findings.scored[0].predictions
    defaults = list(
        {(row.predictions.head): row for row in reversed(findings.scored) if not row.without_repeats}.values()
    )
    defaults.reverse()
    fitted = sorted({name.partition("/")[0] for name in (findings.card.metrics if findings.card else ())})
    sections = [
        ("short", "In short", _short(findings)),
        ("all", "Every question that was asked", _every(findings.scored)),
        *(
            (f"head-{n}", f"Answers of {row.predictions.head}", head_part(row, fitted_on=fitted))
            for n, row in enumerate(defaults)
        ),
        ("groups", "For whom it is right", audit_part(findings.audit)),
        ("robustness", "What it can bear", robustness_part(findings.robustness, findings.detector)),
        (
            "mistakes",
            "Its worst mistakes",
            faces_part(findings.mistakes, "The wrong answers that it was surest of.", findings.explained_by),
        ),
        (
            "unsure",
            "Its most unsure answers",
            faces_part(findings.unsure, "The answers that it was least sure of.", findings.explained_by),
        ),
        ("how", "How this was measured", _how(findings)),
    ]
    shown = [section for section in sections if section[2]]
    contents = "".join(f'<a href="#{anchor}">{escape(title)}</a>' for anchor, title, _ in shown)
    body = "".join(f'<section id="{anchor}"><h2>{escape(title)}</h2>{text}</section>' for anchor, title, text in shown)
    title = f"How good is {first.model}?"
    with written_whole(path) as temporary:
        temporary.write_text(
            page(title, f"{_lead(findings)}<nav>{contents}</nav>{body}", style=STYLE), encoding="utf-8", errors=ODD
        )


def write_folder(findings: Findings, folder: Path) -> Path:
    """Write predictions, ``metrics.json``, ``figures.csv``, the plots of the first head and the report.

    What an earlier evaluation wrote there and this one does not is removed; other files stay.

    Returns:
        Where the report lies.

    Raises:
        OutputError: a file cannot be written or removed.
        MissingExtraError: pyarrow is not installed.
    """
    report = folder / "report.html"
    _remove({report})  # it goes first and comes last, and so never stands beside figures of another evaluation
    written = set()
    for place, row in enumerate(findings.scored):
        if not row.without_repeats:
            made = row.predictions
            path = folder / ("predictions.parquet" if place == 0 else _further(made.head, made.truth))
            write_predictions(made, path)
            written.add(path)
    with written_whole(folder / "metrics.json") as temporary:
        temporary.write_text(
            metrics_json(findings.scored, resamples=findings.resamples, more=findings.more()), encoding="utf-8"
        )
    write_summary(findings.scored, folder / "figures.csv")
    written |= {*save_plots(findings, folder)}
    # Only now: one of them may be the file of predictions that was asked for.
    names = [*(_further("*", truth) for truth in TRUTHS), *(f"{name}.png" for name in PLOTS)]
    _remove({path for name in names for path in folder.glob(name)} - written)
    write_report(findings, report)
    return report


def save_plots(findings: Findings, folder: Path) -> list[Path]:
    """Save the plots of the first head as PNG and return where they lie.

    Raises:
        OutputError: they cannot be written.
    """
    figures = figures_of(findings.scored[0])
    if findings.robustness:
        figures["robustness"] = plots.robustness_figure(findings.robustness)
    paths = []
    for name, figure in figures.items():
        paths.append(folder / f"{name}.png")
        plots.save_figure(figure, paths[-1])
    return paths


def _further(head: str, truth: str) -> str:
    return f"predictions-{head}-{truth.replace(' ', '-')}.parquet"


def _remove(paths: Collection[Path]) -> None:
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(
                f"{path}: is of an earlier evaluation and cannot be removed ({error.strerror}); choose another folder"
            ) from error


def _lead(findings: Findings) -> str:
    first = findings.scored[0].predictions
    labels = ", ".join(first.labels)
    trained = f" It was made from: {escape(findings.card.trained_on)}" if findings.card else ""
    return (
        f"<p>{escape(first.model)} looks at the picture of a face and gives a probability to each of "
        f"{len(first.labels)} answers: {escape(labels)}. Here its answers to the {len(first):,} labelled pictures of "
        f"<b>{escape(first.split)}</b> in {escape(first.data)} are compared with the right ones.{trained}</p>"
        '<p class="note">It names the expression that annotators saw in a picture. That is not what a person feels.</p>'
    )


def _short(findings: Findings) -> str:
    row = findings.scored[0]
    made, found = row.predictions, row.metrics
    if made.task != "single":
        names = ["macro_f1", "map", "hamming_loss"] if made.task == "multi" else ["accuracy", "precision", "recall"]
        return _tiles(
            [(number(name, found[name]), f"{plain_name(name)}: {MEANINGS[name]}") for name in names if name in found]
        )
    top3 = [found["top3_accuracy"]] if "top3_accuracy" in found else []  # three labels have none
    tiles = [
        (f"{found['accuracy'].value:.1%}", f"of its answers are right (95% interval: {interval(found['accuracy'])})"),
        (
            f"{found['accuracy_of_surest_80'].value:.1%}",
            f"are right among the {SUREST:.0%} of pictures that it is surest of",
        ),
        *((f"{each.value:.1%}", "have the right answer among its first three") for each in top3),
        (
            f"{100 * found['ece'].value:.1f} points",
            "is the mean distance between how sure it is and how often it is right; by chance alone, perfect "
            f"probabilities would show {100 * found['ece_if_calibrated'].value:.1f} here",
        ),
    ]
    if made.unsure_below is not None:
        verdict = stated_and_found(made)
        tiles.append(
            (
                f"{verdict['unsure']:.0%}",
                f"of the faces it calls unsure; {verdict['error']:.1%} of the other answers are wrong "
                f"(stated: {verdict['stated_error']:.0%})",
            )
        )
    if "human_accuracy" in found:
        tiles.append(
            (
                f"{found['annotator_accuracy'].value:.1%}",
                "is its agreement with one annotator; annotators among each other: "
                f"{found['human_accuracy'].value:.1%}",
            )
        )
    worst, best = (pick(by_label(found, "recall").items(), key=lambda item: item[1].value) for pick in (min, max))
    words = (
        f"<p>It is best at <b>{escape(best[0])}</b> (finds {best[1].value:.0%} of it) and weakest at "
        f"<b>{escape(worst[0])}</b> ({worst[1].value:.0%}).{_repeats(findings.scored)}</p>"
    )
    return _tiles(tiles) + words


def _repeats(scored: Sequence[Scored]) -> str:
    first = scored[0]
    fresh = next(
        (row for row in scored[1:] if row.without_repeats and row.predictions.head == first.predictions.head), None
    )
    if fresh is None:
        return ""
    count = len(first.predictions) - len(fresh.predictions)
    return (
        f" {count:,} of the pictures have an exact, near or mirrored duplicate among the training pictures; without "
        f"them {fresh.metrics['accuracy'].value:.1%} of the answers are right."
    )


def _every(scored: Sequence[Scored]) -> str:
    parts = []
    for task, names in TABLE_METRICS.items():
        rows = [row for row in scored if row.predictions.task == task]
        chosen = [name for name in names if any(name in row.metrics for row in rows)]
        if rows:
            lines = [
                (
                    row.predictions.head,
                    row.name,
                    len(row.predictions),
                    *(number(name, row.metrics[name]) if name in row.metrics else "" for name in chosen),
                )
                for row in rows
            ]
            numeric = range(3, 3 + len(chosen))
            head = ("head", "right answer", "pictures", *map(plain_name, chosen))
            parts.append(f'<div class="scroll">{table_html(head, lines, numeric=list(numeric))}</div>')
    return (
        "<p>One row for each set of answers (head) and each idea of what is right. <i>label</i> is the data's own "
        "label; <i>arg-max</i> the most frequent vote of ten annotators; <i>majority</i> more than half of them, "
        "single votes dropped; <i>3 votes</i> every emotion that at least three of them named. <i>Without repeats</i> "
        "leaves out pictures of which training has a duplicate.</p>" + "".join(parts)
    )


def _how(findings: Findings) -> str:
    first = findings.scored[0].predictions
    is_ours = bool(first.sha256) or findings.card is not None
    lines: list[tuple[str, str | Html]] = [
        ("model", first.model),
        ("weight file, SHA-256", first.sha256 or "none: predictions were given"),
        ("data", f"{first.data}, {first.split}"),
        (
            "preprocessing",
            "that of the program itself: the pictures go through the function that users' pictures go through"
            if is_ours
            else "not known: predictions were given",
        ),
        ("intervals", "95%, bootstrap over the pictures: what another sample of as many pictures might have given"),
    ]
    if findings.card is not None:
        lines += [("licence", findings.card.license), ("made by", findings.card.source)]
    lines += list(findings.facts.items())
    if findings.command:
        lines.append(("command", Html(f"<code>{escape(findings.command)}</code>")))
    return table_html((), [(name, value if isinstance(value, Html) else Html(escape(value))) for name, value in lines])


def _tiles(tiles: Sequence[tuple[str, str]]) -> str:
    return (
        f'<ul class="tiles">{"".join(f"<li><b>{escape(a)}</b><small>{escape(b)}</small></li>" for a, b in tiles)}</ul>'
    )
