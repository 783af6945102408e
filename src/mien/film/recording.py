"""A film -> everything that is made of it in one pass: journal, annotated copy, timeline, summary."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from mien.film.annotated import annotated_film
from mien.film.drawing import draw_frame
from mien.film.journal import FilmJournal
from mien.film.summary import Summary
from mien.film.thumbnails import Thumbnails
from mien.film.timeline import draw_timeline
from mien.inference.analyzer import Analyzer
from mien.inference.video.analyzer import VideoAnalyzer, VideoSettings
from mien.inference.video.film import follow_film
from mien.inference.video.frames import Film, Part, pictures_in


class Stopped(Exception):  # noqa: N818  (not an error: somebody asked for it)
    """The work on a film was interrupted; the journal knows where to go on."""


class Recorder:
    """Analyzes films into a journal.

    Args:
        analyzer: finds and scores the faces.
        journal: takes the frames, and gives those of an interrupted run.
        part: which frames are wanted.
        settings: how faces are followed.
        stop: asked now and then whether to interrupt the work.
    """

    def __init__(
        self,
        analyzer: Analyzer,
        journal: FilmJournal,
        *,
        part: Part,
        settings: VideoSettings,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._analyzer = analyzer
        self._journal = journal
        self.part = part
        self._settings = settings
        self._stop = stop

    def record(
        self,
        film: Film,
        *,
        annotated: Path | None = None,
        plot: Path | None = None,
        on_frame: Callable[[], None] = lambda: None,
    ) -> Summary:
        """Analyze a film, or what an interrupted run has left of it; what was lost of it stands in the journal.

        An annotated copy cannot be gone on with: it is begun anew, with the results that are known.

        Args:
            film: opened.
            annotated: where an annotated copy goes.
            plot: where a timeline goes.
            on_frame: called for each frame.

        Raises:
            Stopped: the work was interrupted. A live film that is interrupted ends well instead.
            VideoError: the film has no frame, or something is wrong with one of them.
            UsageError: the file has changed since the interrupted run.
            OutputError: something cannot be written.
        """
        state = self._journal.begin(film.name, _stamp(film))
        known = state.frames
        summary = Summary()
        wanted = [place for place in (annotated, plot) if place is not None]
        # What stands there and is not noted may be of an earlier run with other options.
        made = all(str(place) in state.made and place.exists() for place in wanted)
        if (state.ended and made) or (film.live and known):
            for result in self._journal.frames(film.name):
                summary.add(result)
            if not state.ended:
                problem = f"{film.name}: was interrupted; what had been seen by then is saved, run again to see more"
                self._journal.end(film.name, problems=[problem])
            return summary
        lost: list[str] = []
        thumbnails = Thumbnails() if plot else None
        start_s = self.part.start_s or 0.0
        with (
            annotated_film(annotated, film, start_s=start_s, end_s=self.part.end_s, on_problem=lost.append)
            if annotated
            else nullcontext()
        ) as writer:
            pixels = writer is not None or thumbnails is not None
            if pixels:  # all is decoded again, and what is lost of it told again
                state.problems = ()
            results = follow_film(
                film,
                VideoAnalyzer(self._analyzer, self._settings, source=film.name),
                self.part,
                known=self._journal.frames(film.name),
                pixels=pixels,
                on_problem=lost.append,
                stop=self._stop,
            )
            for result in results:
                if summary.frames >= known:
                    self._journal.write(result)
                summary.add(result)
                if thumbnails is not None:
                    thumbnails.add(result)
                if writer is not None:
                    assert result.pixels is not None
                    writer.write(draw_frame(result.pixels, result), result.time_s)
                on_frame()
                self._note(lost)
            self._note(lost)
            if self._stop() and not film.live:
                raise Stopped
        self._note(lost)  # of the sound, when the copy is finished
        if plot is not None and thumbnails is not None:
            draw_timeline(
                self._journal.frames(film.name),
                plot,
                title=Path(film.name).name,
                labels=self._analyzer.head.labels,
                summary=summary,
                thumbnails=thumbnails,
            )
        self._journal.end(film.name, made=wanted)
        return summary

    def _note(self, lost: list[str]) -> None:
        for problem in lost:
            self._journal.lose(problem)
        lost.clear()


def _stamp(film: Film) -> dict[str, Any]:
    path = Path(film.name)
    if film.live or not path.exists():
        return {}
    # Of a folder its pictures: the folder changes with whatever is written beside them, and not with what is in them.
    facts = [file.stat() for file in (pictures_in(path) if path.is_dir() else [path])]
    return {"bytes": sum(each.st_size for each in facts), "changed": max(each.st_mtime_ns for each in facts)}
