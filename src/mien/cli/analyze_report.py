"""What `mien analyze` says in the end: a table of faces, how many there are, where everything is, what went wrong."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from mien.cli.analyze_work import Done, Wanted
from mien.console import Console
from mien.inference.analyzer import Analyzer
from mien.results import FaceResult, ImageResult

MOST_ROWS = 200
NEXT = 2  # emotions that are named beside the answer
WIDE = 110  # columns of a terminal that has room for the boxes


class Report:
    """Takes in results, which it does not keep, and prints what is to be said of them.

    Args:
        analyzer: that gave the results.
        wanted: what is made of them.
    """

    def __init__(self, analyzer: Analyzer, wanted: Wanted) -> None:
        self._analyzer = analyzer
        self._wanted = wanted
        self._console = Console()
        self._with_boxes = self._console.width >= WIDE
        self._table = Table(box=None, header_style="bold", pad_edge=False)
        self._table.add_column("picture", overflow="fold")
        self._table.add_column("face")
        self._table.add_column(
            "emotion", overflow="fold", min_width=max(map(len, analyzer.head.labels))
        )  # is never cut
        self._table.add_column("probability", justify="right")
        self._table.add_column("next")
        if self._with_boxes:
            self._table.add_column("box (x1, y1, x2, y2)", style="dim")
        self._pictures = self._faces = self._left_out = self._unsure = 0

    def over(self, results: Iterable[ImageResult]) -> Iterator[ImageResult]:
        """Yield results without the faces that are to be left out, and take them in."""
        for everyone in results:
            shown = everyone.at_least(self._wanted.min_confidence)
            self._pictures += 1
            self._faces += len(shown)
            self._left_out += len(everyone) - len(shown)
            self._unsure += sum(bool(found.unsure) for found in shown)
            self._add(shown, hidden=len(everyone) - len(shown))
            yield shown

    def show(self, done: Done, *, kept: Path | None) -> None:
        """Print it.

        Args:
            done: what came of the work.
            kept: the file that work which was stopped is gone on with, where there is one.
        """
        console, analyzer, wanted = self._console, self._analyzer, self._wanted
        if self._table.rows:
            console.print(self._table)
        if len(self._table.rows) >= MOST_ROWS:
            console.print(f"[dim]... the first {MOST_ROWS} rows; --output FILE keeps all[/]")
        if done.resumed:
            console.print(f"[dim]went on after {_count(done.resumed, 'picture')} of an interrupted run[/]")
        what = f"{_count(self._faces, 'face')} in {_count(self._pictures, 'picture')}"
        if self._left_out:
            what += f", {self._left_out} more left out by --min-confidence"
        console.print(
            f"[dim]{what} · model {analyzer.card.name} ({analyzer.head.name}) · detector {analyzer.detector.name}[/]"
        )
        error = analyzer.head.unsure_error
        if error is not None and self._unsure:
            console.print(
                f"[dim]unsure: too improbable; of the others at most {error:.0%} were wrong on validation pictures[/]"
            )
        if done.saved:
            console.print(f"[dim]results: {escape(str(wanted.output))}[/]", soft_wrap=True)
        if wanted.annotate is not None:
            console.print(f"[dim]annotated copies: {escape(str(wanted.annotate))}[/]", soft_wrap=True)
        if done.failures:
            errors = Console(stderr=True)
            rest = ", the rest is complete" if self._pictures and not done.stopped else ""
            errors.print(f"{_count(len(done.failures), 'problem')}{rest}:", style="bold")
            for failure in done.failures:
                errors.print(f"  {failure}", markup=False, highlight=False, soft_wrap=True)
            if done.stopped and kept is not None:
                remedy = f"run the same command again to go on from there (kept in {kept})"
                errors.print(remedy, markup=False, highlight=False, soft_wrap=True)

    def _add(self, result: ImageResult, *, hidden: int) -> None:
        name = escape(Path(str(result.source)).name)
        if not result.faces and len(self._table.rows) < MOST_ROWS:
            self._table.add_row(name, "", "[dim]left out[/]" if hidden else "[dim]no face[/]")
        for number, found in enumerate(result, 1):
            if len(self._table.rows) >= MOST_ROWS:
                break
            self._table.add_row(name if number == 1 else "", str(number), *self._cells(found))

    def _cells(self, found: FaceResult) -> list[str]:
        # One emotion, or of several all over their thresholds, the most probable first.
        ranked = found.emotions.ranked()
        shown = ranked[:1] if found.present is None else [pair for pair in ranked if pair[0] in found.present]
        others = [pair for pair in ranked if pair not in shown][:NEXT]
        verdict = escape(", ".join(label for label, _ in shown)) or "[dim]none[/]"
        cells = [
            f"[dim]unsure[/], {verdict}" if found.unsure else verdict,
            ", ".join(f"{value:.1%}" for _, value in shown),
            escape(", ".join(f"{label} {value:.0%}" for label, value in others)),
        ]
        if self._with_boxes:
            box = found.face.box
            cells.append(f"{box.x1:.0f}, {box.y1:.0f}, {box.x2:.0f}, {box.y2:.0f}")
        return cells


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
