"""What `mien video` says in the end: who was seen in each film, showing what."""

from pathlib import Path

from rich.markup import escape
from rich.table import Table

from mien.cli.video_work import Done
from mien.console import Console
from mien.film.summary import Person, Summary
from mien.inference.analyzer import Analyzer

MOST_PEOPLE = 12
"""So many are listed of each film, those who are seen longest."""


def report(analyzer: Analyzer, done: Done) -> None:
    """Print what was seen, where everything is, and what went wrong."""
    console = Console()
    if done.resumed:
        console.print(f"[dim]went on after {done.resumed} frames of an interrupted run[/]")
    for name, summary in done.films.items():
        console.print(_table(name, summary))
        hidden = len(summary.people) - MOST_PEOPLE
        if hidden > 0:
            console.print(f"[dim]... and {hidden} more, seen for less time; --output FILE has all[/]")
        console.print(f"[dim]{_line(summary)}[/]")
    if done.films:
        console.print(f"[dim]model {analyzer.card.name} ({analyzer.head.name}) · detector {analyzer.detector.name}[/]")
    for what in ("results", "events", "annotated", "timeline"):
        if what in done.saved:
            console.print(f"[dim]{what}: {escape(str(done.saved[what]))}[/]", soft_wrap=True)
    if done.failures:
        errors = Console(stderr=True)
        for failure in done.failures:
            errors.print(f"mien: {failure}", markup=False, highlight=False, soft_wrap=True)


def _table(name: str, summary: Summary) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, title=escape(Path(name).name), title_justify="left")
    table.add_column("person")
    table.add_column("seen")
    table.add_column("frames", justify="right")
    table.add_column("emotions", overflow="fold")
    table.add_column("events", justify="right")
    table.add_column("label changes (raw)", justify="right")
    for person in summary.longest(MOST_PEOPLE):
        table.add_row(
            str(person.track_id),
            f"{clock(person.first_s)} to {clock(person.last_s)}",
            str(person.frames),
            _emotions(person),
            str(person.events),
            f"{person.label_changes} ({person.raw_changes})",
        )
    if not summary.people:
        table.add_row("", "[dim]no face[/]", "", "", "", "")
    return table


def _emotions(person: Person) -> str:
    return ", ".join(f"{label} {count / person.frames:.0%}" for label, count in person.labels.most_common(3))


def _line(summary: Summary) -> str:
    people = len(summary.people)
    shots = f" in {summary.shots} shots" if summary.shots > 1 else ""
    return (
        f"{summary.frames} frames from {clock(summary.first_s)} to {clock(summary.last_s)}{shots}, "
        f"{summary.frames - summary.frames_with_faces} without a face, {people} {'person' if people == 1 else 'people'}"
    )


def clock(seconds: float) -> str:
    """Return a time as people write it: 4.56 s, 1:23, 1:02:03."""
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
