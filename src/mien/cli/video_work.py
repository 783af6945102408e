"""The work of `mien video`: which films, where everything goes, one film after the other."""

import re
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mien import __version__
from mien.cli.finding import files_in, files_of
from mien.cli.progress import progress_bar
from mien.errors import MienError, OutputError, UsageError
from mien.files import check_writable, free_name
from mien.film.journal import FilmJournal
from mien.film.recording import Recorder, Stopped
from mien.film.summary import Summary
from mien.film.tables import check_table, save_events, save_frames
from mien.film.timeline import FORMATS, check_plot
from mien.inference.analyzer import Analyzer
from mien.inference.video.analyzer import VideoSettings
from mien.inference.video.frames import VIDEO_SUFFIXES, Film, Part, is_address, open_film, pictures_in


@dataclass(frozen=True)
class Outputs:
    """Where everything goes.

    Attributes:
        table: a row a face and frame.
        events: a row an event.
        annotate: an MP4 file, or a folder for one of each film.
        plot: a picture, or a folder for one of each film.
    """

    table: Path | None
    events: Path | None
    annotate: Path | None
    plot: Path | None

    def check(self, films: Sequence[str]) -> None:
        """Find out before the work begins whether everything can be written, and nothing is written over.

        Raises:
            UsageError: an ending that is not known, one file for several films, or for several things, or a picture
                among those that are the frames of a film.
            MissingExtraError: an extra is not installed.
            OutputError: a place cannot be written.
        """
        tables = [table for table in (self.table, self.events) if table is not None]
        copies, plots = self.copies(films).values(), self.plots(films).values()
        taken = {Path(film).resolve(): "one of the films" for film in films}
        for target in (*tables, *copies, *plots):
            place = target.resolve()
            if place in taken:
                raise UsageError(f"{target}: is {taken[place]}; give another name for what is written")
            taken[place] = "written already"
        folders = [film for film in films if Path(film).is_dir()]
        for target in (*copies, *plots):
            # The next run would take a timeline for a frame, and a copy for the film.
            for film in folders:
                if target.resolve().is_relative_to(Path(film).resolve()):
                    raise UsageError(f"{target}: lies in {film}, whose pictures are the film; give another place")
        for table in tables:
            check_table(table)
        for copy in copies:
            check_writable(copy)
        for plot in plots:
            check_plot(plot)

    def copies(self, films: Sequence[str]) -> dict[str, Path]:
        """Return where the annotated copy of each film goes; empty where none is wanted."""
        return _places(self.annotate, films, endings=(".mp4",), option="--annotate")

    def plots(self, films: Sequence[str]) -> dict[str, Path]:
        """Return where the timeline of each film goes; empty where none is wanted."""
        return _places(self.plot, films, endings=FORMATS, option="--plot")


def find_films(given: Sequence[str], *, but: Path | None = None) -> list[str]:
    """Return the films that files, folders, globs and addresses stand for, each once.

    A folder with films in it (or in its subfolders) stands for those, one with pictures for the film that they are.

    Args:
        given: names.
        but: where annotated copies go: those of an earlier run are no films.

    Raises:
        UsageError: nothing matches, or a folder holds neither.
    """

    def in_folder(folder: Path) -> list[Path]:
        found = files_in(folder, VIDEO_SUFFIXES)
        if not found and not pictures_in(folder):
            raise UsageError(f"{folder}: no films in this folder, and no pictures that could be the frames of one")
        return found or [folder]

    return files_of(given, in_folder=in_folder, but=but, as_it_is=is_address)


@dataclass
class Done:
    """What came of the work.

    Attributes:
        films: what was seen in each.
        saved: what this run has written, and where.
        failures: in one line each what went wrong.
        resumed: frames that an interrupted run had left.
        waiting: films of which some frames are known, and that could not be gone on with: they are in no table.
    """

    films: dict[str, Summary] = field(default_factory=dict)
    saved: dict[str, Path] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    resumed: int = 0
    waiting: list[str] = field(default_factory=list)


def work(
    analyzer: Analyzer, films: Sequence[str], outputs: Outputs, *, part: Part, settings: VideoSettings, rate: float
) -> Done:
    """Analyze films, and write everything.

    What is known of a film that is away or has changed by now stays in the journal, and out of the tables.

    Raises:
        UsageError: what an interrupted run has left belongs to other options.
        OutputError: a table cannot be written.
    """
    facts = {
        "mien": __version__,
        "model": analyzer.card.sha256,
        "labels": analyzer.head.name,
        "detector": analyzer.detector.name,
        "rate": rate,
    }
    done = Done()
    copies, plots = outputs.copies(films), outputs.plots(films)
    kept = outputs.table or outputs.events
    with _journal_path(outputs) as path, FilmJournal(path, facts | asdict(settings) | asdict(part)) as journal:
        away = _begun_and_away(journal, films)
        known = {name: state.frames for name, state in journal.films.items()}
        done.resumed = sum(known.values())
        with _interrupt() as asked:
            recorder = Recorder(analyzer, journal, part=part, settings=settings, stop=asked)
            try:
                for name in (*films, *away):
                    with _one_of(films, name, done, journal, kept=bool(kept)):
                        film = open_film(name, rate=rate, max_pixels=analyzer.max_pixels)
                        done.films[name] = _record(recorder, film, films, copies.get(name), plots.get(name))
                        if outputs.annotate is not None:
                            done.saved["annotated"] = outputs.annotate
                        if outputs.plot is not None:
                            done.saved["timeline"] = outputs.plot
            except Stopped:
                frames = sum(state.frames for state in journal.films.values())
                remedy = (
                    f"run the same command again to go on from there (kept in {path})" if kept else "nothing is kept"
                )
                done.failures.append(f"interrupted after {frames} frames; {remedy}")
                return done
            except OutputError as error:
                done.failures.append(str(error))
                return done
        done.resumed -= sum(known.get(name, 0) for name in done.waiting)
        whole = [name for name in (*films, *away) if name in journal.films and name not in done.waiting]
        done.failures += [problem for name in whole for problem in journal.films[name].problems]
        # No empty table takes the place of an earlier one.
        some = any(journal.films[name].frames for name in whole)
        if some and outputs.table is not None:
            save_frames(journal.frames_of(whole), outputs.table, labels=analyzer.head.labels)
            done.saved["results"] = outputs.table
        if some and outputs.events is not None:
            save_events(journal.frames_of(whole), outputs.events)
            done.saved["events"] = outputs.events
    if not done.waiting:
        path.unlink(missing_ok=True)  # not while it is open, which Windows does not allow
    return done


def _begun_and_away(journal: FilmJournal, films: Sequence[str]) -> list[str]:
    # Of films that were begun and are not asked for now, those that are away. One that is there is refused: what is
    # known of it would be lost with the journal, without a word.
    others = [name for name in journal.films if name not in films]
    there = next((name for name in others if not journal.films[name].stamp or Path(name).exists()), None)
    if there is not None:
        raise UsageError(
            f"{there}: an interrupted run has its first {journal.films[there].frames} frames, in {journal.path}; name "
            "it too to go on from there, or delete that file to start afresh"
        )
    return others


def _record(recorder: Recorder, film: Film, films: Sequence[str], copy: Path | None, plot: Path | None) -> Summary:
    what = f"frames of {Path(film.name).name}" if len(films) > 1 else "frames"
    with closing(film), progress_bar(what, total=film.expected_frames(recorder.part)) as advance:
        return recorder.record(film, annotated=copy, plot=plot, on_frame=lambda: advance.by(1))


@contextmanager
def _one_of(films: Sequence[str], name: str, done: Done, journal: FilmJournal, *, kept: bool) -> Iterator[None]:
    # One bad film among many: the rest is kept.
    try:
        yield
    except OutputError:
        raise
    except MienError as error:
        changed = isinstance(error, UsageError)
        if len(films) == 1 and changed:
            raise
        state = journal.films.get(name)
        left = ""
        # Of a live film, which has no stamp, no more can come: what was seen of it is all that there will be.
        if kept and state is not None and state.frames and state.stamp:
            if state.ended and not changed:
                left = "; an interrupted run had come to its end, so its rows are there"
            else:
                done.waiting.append(name)
                left = "; till then it is left out"
            if not (state.ended or changed):
                left += (
                    f", and its first {state.frames} frames are kept in {journal.path}: run the same command again to "
                    "go on from there, or delete that file to start afresh"
                )
        done.failures.append(f"{error}{left}")


def _places(given: Path | None, films: Sequence[str], *, endings: Sequence[str], option: str) -> dict[str, Path]:
    # A name with a known ending is a file, any other a folder.
    if given is None:
        return {}
    if given.suffix.lower() in endings and not given.is_dir():
        if len(films) > 1:
            raise UsageError(f"{option} {given}: is one file, but there are {len(films)} films; give a folder")
        return dict.fromkeys(films, given)
    if given.suffix and not given.is_dir():
        raise UsageError(f"{option} {given}: must be a folder, or a name that ends in {', '.join(endings)}")
    taken: dict[str, int] = {}
    stems = {film: re.sub(r"[^\w.-]+", "_", Path(film).stem) or "film" for film in films}
    return {film: given / free_name(stem, endings[0], taken) for film, stem in stems.items()}


@contextmanager
def _journal_path(outputs: Outputs) -> Iterator[Path]:
    # Beside the first table, where a kill leaves it; in a temporary folder where there is no table to go on with.
    table = outputs.table or outputs.events
    if table is not None:
        yield table.with_name(f"{table.name}.journal")
        return
    with tempfile.TemporaryDirectory(prefix="mien-") as folder:
        yield Path(folder) / "journal"


@contextmanager
def _interrupt() -> Iterator[Callable[[], bool]]:
    # The first Ctrl-C, or a service manager's request to end, ends the work in good order, the second one at once.
    asked: list[int] = []

    def note(number: int, frame: object) -> None:
        asked.append(number)
        put_back()

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        put_back()
