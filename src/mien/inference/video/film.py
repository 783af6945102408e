"""A film -> the results of its frames, one after the other, in bounded memory."""

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain

from mien.errors import VideoError
from mien.inference.video.analyzer import VideoAnalyzer
from mien.inference.video.frames import Film, Frame, Part
from mien.video_results import FrameResult

BATCH_FRAMES = 16
"""So many frames share one pass through the network, ..."""
BATCH_BYTES = 48 << 20
"""... or fewer, where they are large: this is all that is held of the film at any time."""


def follow_film(
    film: Film,
    video: VideoAnalyzer,
    part: Part,
    *,
    known: Iterable[FrameResult] = (),
    pixels: bool = False,
    on_problem: Callable[[str], None],
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[FrameResult]:
    """Analyze a film.

    The results lag behind by up to `BATCH_FRAMES` frames. The last one carries the events that its end closes.

    Args:
        film: opened by `mien.inference.video.frames.open_film`.
        video: new; follows the faces.
        part: which frames are wanted.
        known: the results of the first of these frames, from an interrupted run; they are yielded too, and not
            analysed again. Where pixels are wanted these frames are decoded all the same.
        pixels: whether the results carry the pixels.
        on_problem: told in one line what of the film is lost.
        stop: asked now and then; once it says True, a live film ends there, while of a file the frames up to some
            earlier one are yielded, and the rest can follow another time.

    Yields:
        One result a frame, in order.

    Raises:
        VideoError: the film has no frame, or none in this part.
    """
    last: FrameResult | None = None
    for result in _results(film, video, part, known, pixels, on_problem):
        if last is not None:
            yield last
        last = result
        if stop():
            if film.live:
                break
            return
    if last is None:
        given = part.start_s is not None or part.end_s is not None
        remedy = "; give another --start or --end" if given else "; copy or download it again"
        raise VideoError(f"{film.name}: has not one frame that can be decoded{' in this part' * given}{remedy}")
    ending = (event for event in video.finish() if event not in last.events)  # of a film known to its end
    yield replace(last, events=(*last.events, *ending))


def _results(
    film: Film,
    video: VideoAnalyzer,
    part: Part,
    known: Iterable[FrameResult],
    pixels: bool,
    on_problem: Callable[[str], None],
) -> Iterator[FrameResult]:
    frames_after = partial(film.frames, part, on_problem=on_problem)
    if pixels:
        frames = yield from _replayed_with_pixels(frames_after, video, known, film.name)
    else:
        frames = yield from _replayed(frames_after, video, known)
    for batch in _batches(frames, 1 if film.live else BATCH_FRAMES):
        results = video.step([(frame.pixels, frame.time_s) for frame in batch], pixels=pixels)
        for frame, result in zip(batch, results, strict=True):
            yield replace(result, index=frame.index)


def _replayed(
    frames_after: Callable[..., Iterator[Frame]], video: VideoAnalyzer, known: Iterable[FrameResult]
) -> Generator[FrameResult, None, Iterator[Frame]]:
    # Yields the known results, and returns the frames that follow. The last known frame is decoded again: beside it
    # shows whether the film is cut right after it.
    last: FrameResult | None = None
    after: tuple[int, float] | None = None
    onwards = True
    for result in known:
        if last is not None:
            after = last.index, last.time_s
            onwards = onwards and result.time_s > last.time_s
            yield video.replay(last)
        last = result
    if onwards:
        frames = frames_after(after=after)
    else:  # where the clock ran back, a time names no place: all is decoded again
        again = frames_after(after=None)
        frames = (frame for frame in again if last is None or frame.index >= last.index)
    if last is None:
        return frames
    first = next(frames, None)
    if first is None:
        yield video.replay(last)
        return frames
    there = first.index == last.index  # it may be missing, where the film is damaged
    yield video.replay(last, first.pixels if there else None)
    return frames if there else chain([first], frames)


def _replayed_with_pixels(
    frames_after: Callable[..., Iterator[Frame]], video: VideoAnalyzer, known: Iterable[FrameResult], name: str
) -> Generator[FrameResult, None, Iterator[Frame]]:
    # The same with pixels. Frames without a result begin where the known results end; a frame that is missing now is
    # missed.
    frames = frames_after(after=None)
    for result in known:
        frame = next((frame for frame in frames if frame.index >= result.index), None)
        if frame is None:
            break
        if frame.index != result.index:
            raise VideoError(f"{name}: frame {result.index} was there before and is missing now; start afresh")
        yield replace(video.replay(result, frame.pixels), pixels=frame.pixels)
    return frames


def _batches(frames: Iterator[Frame], most: int) -> Iterator[list[Frame]]:
    for first in frames:
        count = max(min(most, BATCH_BYTES // first.pixels.nbytes), 1)
        yield list(chain([first], (frame for _, frame in zip(range(count - 1), frames, strict=False))))
