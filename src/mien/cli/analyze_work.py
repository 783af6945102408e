"""The work of `mien analyze`: which pictures, one group after the other, and what is kept of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mien import __version__
from mien.cli.finding import files_in, files_of
from mien.cli.progress import progress_bar
from mien.draw import blur_faces, draw_faces
from mien.errors import OutputError, PictureError, UsageError
from mien.files import check_writable, free_name, save_picture
from mien.inference.analyzer import Analyzer
from mien.inference.image import PICTURE_SUFFIXES, PictureSource
from mien.inference.video.frames import VIDEO_SUFFIXES
from mien.picture_journal import PictureJournal, stamp_of
from mien.results import ImageResult
from mien.save import save_results

TOGETHER = 32  # pictures whose faces share one pass through the network; also what an interruption can lose
MANY = 5000  # results that take more than a second or two to write


@dataclass(frozen=True)
class Wanted:
    """What is made of the pictures.

    Attributes:
        labels: of the head that answers.
        output: a file of results.
        annotate: a folder for annotated copies.
        blur: whether faces are unrecognisable in these.
        min_confidence: faces whose most probable emotion is less probable are left out.
    """

    labels: Sequence[str]
    output: Path | None = None
    annotate: Path | None = None
    blur: bool = False
    min_confidence: float = 0.0


@dataclass
class Done:
    """What came of the work.

    Attributes:
        resumed: pictures that an interrupted run had left.
        failures: in one line each what went wrong.
        stopped: whether there is more to do.
        saved: whether the results are written.
    """

    resumed: int = 0
    failures: list[str] = field(default_factory=list)
    stopped: bool = False
    saved: bool = False


def find_pictures(paths: Sequence[str], *, but: Path | None = None) -> list[Path]:
    """Return the files that paths, folders and globs stand for, each once, folders and globs sorted.

    Args:
        paths: names.
        but: where annotated copies go: those of an earlier run are not meant.

    Raises:
        UsageError: nothing matches, or a folder holds no picture.
    """

    def in_folder(folder: Path) -> list[Path]:
        found = files_in(folder, PICTURE_SUFFIXES)
        if not found:
            kinds = ", ".join(sorted(PICTURE_SUFFIXES))
            raise UsageError(f"{folder}: no pictures in this folder (looked for {kinds})")
        return found

    return [Path(name) for name in files_of(paths, in_folder=in_folder, but=but)]


def prepare_folder(folder: Path, files: Sequence[Path]) -> None:
    """Find out before the work begins whether annotated copies can be written there, and overwrite no picture.

    Raises:
        UsageError: it is a file, or the folder of the pictures.
        OutputError: it cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; --annotate takes a folder")
    if any(file.resolve().parent == folder.resolve() for file in files):
        raise UsageError(f"{folder}: the pictures themselves lie there; --annotate takes another folder")
    check_writable(folder / "annotated")


def open_journal(analyzer: Analyzer, files: Sequence[Path], wanted: Wanted) -> PictureJournal:
    """Return what an interrupted run has left beside the output, or an empty journal; in memory without an output.

    Raises:
        UsageError: what is there is of other options or other pictures, or no journal.
        OutputError: it cannot be written.
    """
    path = None if wanted.output is None else wanted.output.with_name(f"{wanted.output.name}.journal")
    run = {
        "mien": __version__,
        "model": analyzer.card.sha256,
        "labels": analyzer.head.name,
        "detector": analyzer.detector.name,
        "max_pixels": analyzer.max_pixels,
        "min_confidence": wanted.min_confidence,
        "annotate": None if wanted.annotate is None else str(wanted.annotate),
        "blur": wanted.blur,
    }
    journal = PictureJournal(path, run)
    try:
        _check_pictures(journal, files)
    except BaseException:
        journal.close()
        raise
    return journal


def _check_pictures(journal: PictureJournal, files: Sequence[Path]) -> None:
    # What is known and not asked for would be lost with the journal, without a word.
    known = {Path(source) for source in journal.pictures}
    gone = {file for file in files if not file.exists()}
    for path in known if gone else ():
        if away := gone.intersection((path, *path.parents)):
            raise UsageError(
                f"{min(away)}: is gone, and an interrupted run has results of it; put it back, then run the same "
                f"command again, or delete {journal.path} to start afresh"
            )
    other = next((path for path in sorted(known.difference(files)) if path.exists()), None)
    if other is not None:
        raise UsageError(
            f"{journal.path}: holds results of other pictures, such as {other}; give the same paths as then to go on "
            "with it, or delete it to start afresh"
        )


def work(analyzer: Analyzer, files: Sequence[Path], wanted: Wanted, journal: PictureJournal) -> Done:
    """Analyze the pictures that are not known, put the results into the journal, and write annotated copies."""
    sources = [str(file) for file in files]
    missing = journal.missing(sources)
    known = [source for source in sources if source in journal.pictures]
    done = Done(resumed=len(known))
    copies = _Copies(analyzer, wanted, journal, done.failures)

    def note(source: PictureSource, error: PictureError) -> None:
        film = Path(str(source)).suffix.lower() in VIDEO_SUFFIXES - PICTURE_SUFFIXES
        done.failures.append(f"{error}; for films there is mien video" if film else str(error))

    try:
        copies.write(journal.results(copies.missing(known)))
        with progress_bar("pictures", total=len(sources), shown=len(sources) > 1) as advance:
            advance.by(len(known))
            for start in range(0, len(missing), TOGETHER):
                group = missing[start : start + TOGETHER]
                stamps = {source: stamp_of(source) for source in group}
                results = analyzer.analyze_many(advance.over(group), on_error=note)
                for result in results:
                    journal.add(result, stamps[str(result.source)])
                copies.write(results)
    except OutputError as error:  # a full disk: the results so far are still worth saving
        done.failures.append(str(error))
        done.stopped = True
    except KeyboardInterrupt:
        left = sum(source not in journal.pictures for source in missing)
        done.failures.append(f"interrupted; of {left} pictures there are no results")
        done.stopped = True
    return done


def save(results: Iterable[ImageResult], wanted: Wanted, done: Done, journal: PictureJournal) -> None:
    """Write the results where they are wanted; otherwise they are only gone through.

    Results of a run that was stopped take the place of no file: it may hold all that they hold, and more.

    Raises:
        OutputError: they cannot be written; the journal is kept.
    """
    count = len(journal.pictures)
    with progress_bar("written", total=count, shown=count > MANY) as advance:
        if wanted.output is None or (done.stopped and (wanted.output.exists() or not count)):
            for _ in results:
                pass
            return
        try:
            save_results(advance.over(results), wanted.output, labels=wanted.labels)
        except OutputError as error:
            raise OutputError(
                f"{error}; or run the same command again: the results so far are in {journal.path}"
            ) from error
    done.saved = True


class _Copies:
    # Annotated copies; none where none are wanted.

    def __init__(self, analyzer: Analyzer, wanted: Wanted, journal: PictureJournal, failures: list[str]) -> None:
        self._analyzer = analyzer
        self._wanted = wanted
        self._journal = journal
        self._failures = failures
        self._taken = {name.casefold(): 1 for name in journal.copies.values()}

    def missing(self, known: Iterable[str]) -> list[str]:
        # The pictures whose copies a kill or a full disk has prevented. What stands there may be of another run.
        folder, journal = self._wanted.annotate, self._journal
        if folder is None:
            return []
        return [
            source for source in known if source not in journal.drawn or not (folder / journal.copies[source]).exists()
        ]

    def write(self, results: Iterable[ImageResult]) -> None:
        if self._wanted.annotate is None:
            return
        for result in results:
            source = str(result.source)
            try:
                picture = self._analyzer.read(source)
            except PictureError as error:  # gone since it was analysed, or a pipe: its results are kept
                self._failures.append(str(error))
                continue
            if self._wanted.blur:  # also those that are left out: nobody is to be recognised
                picture = blur_faces(picture, result)
            name = self._name(Path(source))
            drawn = draw_faces(picture, result.at_least(self._wanted.min_confidence))
            save_picture(drawn, self._wanted.annotate / name)
            self._journal.add_copy(source, name)

    def _name(self, path: Path) -> str:
        # That of an earlier run, or a new one.
        ending = path.suffix.lower() if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp") else ".png"
        return self._journal.copies.get(str(path)) or free_name(path.stem, ending, self._taken)
